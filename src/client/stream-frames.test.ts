import assert from 'node:assert/strict';
import test from 'node:test';
import { readFrames } from './stream-frames.ts';

function frame(stream: number, text: string): Buffer {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
}

/** What each stream said, all its pieces together. */
async function read(chunks: readonly Buffer[]): Promise<Record<number, string>> {
  const texts: Record<number, string> = {};
  async function* source(): AsyncGenerator<Buffer> {
    yield* chunks;
  }
  for await (const { stream, data } of readFrames(source())) texts[stream] = (texts[stream] ?? '') + data.toString();
  return texts;
}

test('frames must come out whole however the chunks are cut', async () => {
  const bytes = Buffer.concat([frame(1, 'out'), frame(2, 'err'), frame(1, ''), frame(1, 'more')]);
  for (const size of [1, 3, 8, 9, 1000]) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
    assert.deepEqual(await read(chunks), { 1: 'outmore', 2: 'err' }, `chunks of ${size}`);
  }
});

test("the daemon's error in a stream must be thrown", async () => {
  await assert.rejects(read([frame(3, 'it broke')]), { message: 'error from daemon in stream: it broke' });
});

test('what is no frame must be refused', async () => {
  await assert.rejects(read([Buffer.from('HTTP/1.1 200 OK')]), { message: 'Unrecognized input header: 72' });
});
