import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attributeText, MessageBatch, messageFlag, readAttributes, splitMessages } from './message-batch.ts';

const told = { purpose: 'test', subject: '' };

test('a message must be laid out as the kernel expects it', () => {
  const batch = new MessageBatch(7);
  batch.message(16, messageFlag.acknowledge, told, (body) => {
    body.u32(0x01020304);
    body.attributeString(3, 'eth0');
    body.attributeU8(4, 9);
  });
  assert.equal(batch.bytes.toString('hex'), [
    '28000000', '1000', '0500', '07000000', '00000000', // length 40, type 16, request and acknowledge, sequence 7, port 0
    '04030201',
    '0900', '0300', '6574683000', '000000', // nine bytes, padded to twelve
    '0500', '0400', '09', '000000',
  ].join(''));
});

test('nested attributes must carry the length of all they hold', () => {
  const batch = new MessageBatch(1);
  batch.message(1, 0, told, (body) => body.nested(18, () => {
    body.attributeU32(1, 1);
    body.nested(2, () => body.attributeU16BigEndian(5, 0x1f90));
  }));
  const [message] = [...splitMessages(batch.bytes)];
  assert.ok(message !== undefined);
  const outer = readAttributes(message.payload).get(18);
  assert.ok(outer !== undefined);
  assert.equal(outer.length, 8 + 12);
  const inner = readAttributes(outer).get(2);
  assert.ok(inner !== undefined);
  assert.equal(readAttributes(inner).get(5)?.readUInt16BE(0), 8080);
});

test('messages must follow each other aligned, and only those that ask be waited for', () => {
  const batch = new MessageBatch(10);
  batch.message(1, 0, told, (body) => body.u8(1));
  batch.message(2, messageFlag.acknowledge, told, (body) => body.u8(2));
  batch.message(3, messageFlag.dump, told, (body) => body.u8(3));
  assert.deepEqual([...splitMessages(batch.bytes)].map(({ type, sequence, payload }) => [type, sequence, payload.length]), [[1, 10, 1], [2, 11, 1], [3, 12, 1]]);
  assert.deepEqual(batch.pending.map(({ sequence }) => sequence), [11, 12]);
  assert.equal(batch.nextSequence, 13);
});

test('a batch must grow with what is written', () => {
  const batch = new MessageBatch(1);
  const long = Buffer.alloc(5000, 0xab);
  batch.message(1, 0, told, (body) => body.attribute(1, long));
  const [message] = [...splitMessages(batch.bytes)];
  assert.deepEqual(readAttributes(message?.payload ?? Buffer.alloc(0)).get(1), long);
});

test('broken answers must end the reading, not run over', () => {
  assert.deepEqual([...splitMessages(Buffer.from('ff00000010000000', 'hex'))], []);
  assert.deepEqual([...splitMessages(Buffer.concat([Buffer.from('04000000', 'hex'), Buffer.alloc(20)]))], []);
  assert.equal(readAttributes(Buffer.from('0200010000', 'hex')).size, 0);
  assert.equal(readAttributes(Buffer.from('ff000100aa', 'hex')).size, 0);
  assert.equal(attributeText(Buffer.from('abc\0def')), 'abc');
  assert.equal(attributeText(undefined), '');
});
