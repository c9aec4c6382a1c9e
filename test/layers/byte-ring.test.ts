import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { AsyncRingReader, AsyncRingWriter, BlockingRingReader, BlockingRingWriter, newRingMemory, type RingMemory } from '#image/layer/byte-ring.ts';

const module = JSON.stringify(new URL('../../src/image/layer/byte-ring.ts', import.meta.url).href);
const script = `
  const { parentPort } = require('node:worker_threads');
  const { createHash } = require('node:crypto');
  import(${module}).then(({ BlockingRingReader, BlockingRingWriter }) => {
    parentPort.on('message', ({ memory, lengths }) => {
      if (lengths === undefined) {
        const ring = new BlockingRingReader(memory);
        const hash = createHash('sha256');
        let total = 0;
        for (let filled = ring.wait(); filled > 0; filled = ring.wait()) {
          const view = ring.view(0, filled);
          hash.update(view);
          total += view.length;
          ring.take(view.length);
        }
        parentPort.postMessage({ total, digest: hash.digest('hex') });
        return;
      }
      const ring = new BlockingRingWriter(memory);
      for (let length of lengths) {
        while (length > 0) {
          const space = ring.space();
          const step = Math.min(space.length, length);
          space.fill(length & 255, 0, step);
          ring.put(step);
          length -= step;
        }
      }
      ring.end();
    });
    parentPort.postMessage('ready');
  });
`;

async function ringWorker(): Promise<AsyncDisposable & { send(message: object): void; reply(): Promise<unknown> }> {
  const worker = new Worker(script, { eval: true });
  // Also a failure between two replies is one of the next.
  const failed = new Promise<never>((_resolve, reject) => worker.once('error', reject));
  failed.catch(() => undefined);
  const reply = async (): Promise<unknown> => await Promise.race([failed, new Promise((resolve) => worker.once('message', resolve))]);
  await reply();
  return { send: (message) => worker.postMessage(message), reply, [Symbol.asyncDispose]: async () => void (await worker.terminate()) };
}

/** Some sizes around the ring's and the sides' steps, and many short streams, in which an end comes right behind the bytes. */
const streams = [[], [1], [4_194_304], [4_194_305], [1_048_576, 3, 4_194_304, 77], [10_000_000, 1, 10_000_000], ...Array.from({ length: 600 }, (_, index) => [index + 1])];

test('what the main thread writes must all reach the worker', async () => {
  await using worker = await ringWorker();
  for (const lengths of streams) {
    const memory: RingMemory = newRingMemory();
    const ring = new AsyncRingWriter(memory);
    worker.send({ memory });
    const replied = worker.reply();
    const hash = createHash('sha256');
    let total = 0;
    for (const length of lengths) {
      const chunk = Buffer.alloc(length, length & 255);
      hash.update(chunk);
      total += length;
      assert.equal(await ring.write(chunk), true);
    }
    ring.end();
    assert.deepEqual(await replied, { total, digest: hash.digest('hex') });
  }
});

test('what the worker writes must all reach the main thread', async () => {
  await using worker = await ringWorker();
  for (const lengths of streams) {
    const memory = newRingMemory();
    const ring = new AsyncRingReader(memory);
    worker.send({ memory, lengths });
    let total = 0;
    for (let chunk = await ring.read(); chunk !== undefined; chunk = await ring.read()) total += chunk.length;
    assert.equal(total, lengths.reduce((sum, length) => sum + length, 0));
  }
});

test('a side that gives up must stop the other', async () => {
  const memory = newRingMemory();
  const writer = new AsyncRingWriter(memory);
  assert.equal(await writer.write(Buffer.alloc(4_194_304)), true);
  const blocked = writer.write(Buffer.alloc(1));
  new AsyncRingReader(memory).break();
  assert.equal(await blocked, false);
  const reading = new AsyncRingReader(newRingMemory());
  const read = reading.read();
  reading.break();
  assert.equal(await read, undefined);
});

test('bytes written and ended between two looks of the reader must not be lost', async () => {
  const late = (memory: RingMemory): void => {
    const writer = new BlockingRingWriter(memory);
    writer.space().fill('x', 0, 5);
    writer.put(5);
    writer.end();
  };
  const asyncMemory = newRingMemory();
  class RacedReader extends AsyncRingReader {
    #raced = false;
    protected override filled(): number {
      const filled = super.filled();
      if (!this.#raced) late(asyncMemory);
      this.#raced = true;
      return filled;
    }
  }
  const reader = new RacedReader(asyncMemory);
  assert.equal((await reader.read())?.toString(), 'xxxxx');
  assert.equal(await reader.read(), undefined);
  const blockingMemory = newRingMemory();
  class RacedBlockingReader extends BlockingRingReader {
    #raced = false;
    protected override filled(): number {
      const filled = super.filled();
      if (!this.#raced) late(blockingMemory);
      this.#raced = true;
      return filled;
    }
  }
  const blocking = new RacedBlockingReader(blockingMemory);
  assert.equal(blocking.wait(), 5);
  blocking.take(5);
  assert.equal(blocking.wait(), 0);
});
