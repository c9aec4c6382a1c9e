import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnswerCache } from './answer-cache.ts';
import { encodeName, lifetimeOffsets, makeAnswer, makeFailure, readQuestion, recordType } from './message.ts';
import { FrameReader, frame } from './stream-frames.ts';

const query = (name: string, type: number = recordType.a): Buffer => Buffer.concat([Buffer.from('abcd01000001000000000000', 'hex'), encodeName(name), Buffer.from([0, type, 0, 1])]);
const ask = (message: Buffer) => {
  const question = readQuestion(message);
  assert.ok(question !== undefined);
  return question;
};
const answerTo = (message: Buffer, lifetime: number, data = [Buffer.from([10, 0, 0, 1])]): Buffer => makeAnswer(message, ask(message), { code: 0, type: recordType.a, lifetime, data });

test('a question must be read in lower case, and what is cut or no query not at all', () => {
  const message = query('Web.Example');
  assert.deepEqual(readQuestion(message), { name: 'web.example', type: 1, end: message.length });
  for (let length = 0; length < message.length; length++) assert.equal(readQuestion(message.subarray(0, length)), undefined, String(length));
  const response = Buffer.from(message);
  response.writeUInt16BE(0x8100, 2);
  assert.equal(readQuestion(response), undefined);
  assert.equal(makeFailure(response, 2), undefined, 'answers are never answered');
});

test('an answer must repeat number and question, say that recursion is there, and carry its records', () => {
  const message = query('web');
  const answer = answerTo(message, 600, [Buffer.from([10, 0, 0, 1]), Buffer.from([10, 0, 0, 2])]);
  assert.equal(answer.subarray(0, 12).toString('hex'), 'abcd81800001000200000000');
  assert.equal(answer.subarray(message.length).toString('hex'), 'c00c0001000100000258' + '00040a000001' + 'c00c0001000100000258' + '00040a000002');
  assert.equal(makeFailure(message, 2)?.readUInt16BE(2), 0x8182);
});

test('times to live must be found behind compressed and plain names, not in OPT records', () => {
  const message = query('web');
  const plain = Buffer.concat([encodeName('web'), Buffer.from('000100010000003c00040a000001', 'hex')]);
  const options = Buffer.from('0000291000000080000000', 'hex');
  const answer = Buffer.concat([answerTo(message, 30), plain, options]);
  answer.writeUInt16BE(2, 6);
  answer.writeUInt16BE(1, 10);
  assert.deepEqual(lifetimeOffsets(answer)?.map((offset) => answer.readUInt32BE(offset)), [30, 60]);
  assert.equal(lifetimeOffsets(answer.subarray(0, -1)), undefined);
});

test('a kept answer must age, end in time, and bear the asker\'s number', () => {
  let now = 0;
  const cache = new AnswerCache(() => now);
  const message = query('web');
  cache.put('key', answerTo(message, 30));
  now = 12_400;
  const kept = cache.get('key', 0x1234);
  assert.equal(kept?.readUInt16BE(0), 0x1234);
  assert.equal(kept?.readUInt32BE(message.length + 6), 18);
  now = 30_000;
  assert.equal(cache.get('key', 1), undefined);
});

test('answers that fail, say nothing or live no time must not be kept, and the oldest make room', () => {
  const cache = new AnswerCache(() => 0);
  const message = query('web');
  const failed = answerTo(message, 30);
  failed.writeUInt16BE(0x8182, 2);
  for (const answer of [failed, answerTo(message, 30, []), answerTo(message, 0)]) {
    cache.put('key', answer);
    assert.equal(cache.get('key', 1), undefined);
  }
  for (let number = 0; number < 1001; number++) cache.put(String(number), answerTo(message, 30));
  assert.equal(cache.get('0', 1), undefined);
  assert.notEqual(cache.get('1', 1), undefined);
});

test('frames must come whole however the stream is cut', () => {
  const bytes = Buffer.concat([frame(Buffer.from('first')), frame(Buffer.alloc(0)), frame(Buffer.from('second'))]);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const reader = new FrameReader();
    assert.deepEqual([...reader.push(bytes.subarray(0, cut)), ...reader.push(bytes.subarray(cut))].map(String), ['first', '', 'second']);
  }
});
