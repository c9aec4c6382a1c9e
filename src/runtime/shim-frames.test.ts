import assert from 'node:assert/strict';
import test from 'node:test';
import { encodeAbort, encodeHello, encodeResize, role, ShimMessageParser, type ShimMessage } from './shim-frames.ts';

function frame(type: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header[0] = type;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

const started = frame(1, Buffer.from([0, 0, 0x12, 0x34, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 1]));
const exitedPayload = Buffer.alloc(16);
exitedPayload.writeUInt32BE(137, 0);
exitedPayload.writeBigUInt64BE(1_700_000_000_123_456_789n, 4);
exitedPayload.writeUInt32BE(9, 12);
const exited = frame(3, exitedPayload);
const failed = frame(2, Buffer.concat([Buffer.from([0, 0, 1, 0]), Buffer.from('{"msg":"no"}\n\0output')]));

const expected: readonly ShimMessage[] = [
  { type: 'started', pid: 0x1234, shimPid: 0x10000, startedAt: 0x1001n },
  { type: 'failed', status: 256, log: '{"msg":"no"}\n', output: 'output' },
  { type: 'exited', exitCode: 137, finishedAt: 1_700_000_000_123_456_789n, signal: 9 },
];

test('messages must be the same however the bytes are cut', () => {
  const bytes = Buffer.concat([started, failed, exited]);
  for (let size = 1; size <= bytes.length; size++) {
    const parser = new ShimMessageParser();
    const messages: ShimMessage[] = [];
    for (let at = 0; at < bytes.length; at += size) messages.push(...parser.push(bytes.subarray(at, at + size)));
    assert.deepEqual(messages, expected, `pieces of ${size}`);
  }
});

test('frames of an unknown type must be passed over', () => {
  assert.deepEqual(new ShimMessageParser().push(Buffer.concat([frame(99, Buffer.from('later')), started])), [expected[0]]);
});

test('bytes that are no frames must be refused', () => {
  assert.throws(() => new ShimMessageParser().push(Buffer.from('HTTP/1.1 400 Bad Request\r\n')), /a frame of \d+ bytes/);
});

test('frames to the shim must carry their fields big-endian', () => {
  assert.deepEqual([...encodeHello(role.stdin | role.stderr)], [6, 5, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual([...encodeResize(24, 300)], [5, 0, 0, 0, 0, 0, 0, 4, 0, 24, 1, 44]);
  assert.deepEqual([...encodeResize(70_000, 1)].slice(8), [255, 255, 0, 1], 'a size beyond 16 bits is the largest there is');
  assert.deepEqual([...encodeAbort()], [7, 0, 0, 0, 0, 0, 0, 0]);
});
