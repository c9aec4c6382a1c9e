import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnswerCache } from './answer-cache.ts';
import { encodeName, recordType, responseCode } from './message.ts';

/** An answer about `web.example.`: header, question, and one record in the answer or authority section. */
function message(code: number, record: { section: 'answer' | 'authority'; type: number; seconds: number; data: Buffer } | undefined): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(0x8180 | code, 2);
  header.writeUInt16BE(1, 4);
  if (record !== undefined) header.writeUInt16BE(1, record.section === 'answer' ? 6 : 8);
  const question = Buffer.concat([encodeName('web.example'), Buffer.from([0, 1, 0, 1])]);
  if (record === undefined) return Buffer.concat([header, question]);
  const fixed = Buffer.alloc(12);
  fixed.writeUInt16BE(0xc00c, 0);
  fixed.writeUInt16BE(record.type, 2);
  fixed.writeUInt16BE(1, 4);
  fixed.writeUInt32BE(record.seconds, 6);
  fixed.writeUInt16BE(record.data.length, 10);
  return Buffer.concat([header, question, fixed, record.data]);
}

function authority(minimum: number): Buffer {
  const numbers = Buffer.alloc(20);
  numbers.writeUInt32BE(minimum, 16);
  return Buffer.concat([encodeName('ns.example'), encodeName('admin.example'), numbers]);
}

/** For how many seconds it is kept. */
function keptFor(answer: Buffer): number {
  let now = 0;
  const cache = new AnswerCache(() => now);
  cache.put('key', answer);
  let seconds = 0;
  while (cache.get('key', 7) !== undefined && seconds < 5000) {
    seconds += 1;
    now = seconds * 1000;
  }
  return seconds;
}

test('an answer must be kept as long as its record lives, and grow older', () => {
  const answer = message(responseCode.success, { section: 'answer', type: recordType.a, seconds: 60, data: Buffer.from([10, 0, 0, 1]) });
  assert.equal(keptFor(answer), 60);
  let now = 0;
  const cache = new AnswerCache(() => now);
  cache.put('key', answer);
  now = 45_500;
  const kept = cache.get('key', 7);
  assert.equal(kept?.readUInt16BE(0), 7);
  assert.equal(kept?.readUInt32BE(answer.length - 10), 15);
});

test('that there is nothing must be kept as long as the authority says, but not longer than five minutes', () => {
  const nothing = (code: number, seconds: number, minimum: number): Buffer => message(code, { section: 'authority', type: recordType.authority, seconds, data: authority(minimum) });
  assert.equal(keptFor(nothing(responseCode.nameError, 900, 30)), 30);
  assert.equal(keptFor(nothing(responseCode.success, 20, 900)), 20);
  assert.equal(keptFor(nothing(responseCode.nameError, 9000, 9000)), 300);
});

test('failures, and refusals that no authority stands behind, must not be kept', () => {
  assert.equal(keptFor(message(responseCode.serverFailure, { section: 'authority', type: recordType.authority, seconds: 60, data: authority(60) })), 0);
  assert.equal(keptFor(message(responseCode.nameError, undefined)), 0);
});
