import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AsyncRingReader, AsyncRingWriter, BlockingRingWriter } from '#image/layer/byte-ring.ts';
import { RingPool } from '#image/layer/ring-pool.ts';

test('a ring that was broken or read to its end must be taken again as a new one', async () => {
  const pool = new RingPool();
  const first = pool.take();
  const other = pool.take();
  assert.notEqual(first.memory.data, other.memory.data);
  const writer = new BlockingRingWriter(first.memory);
  writer.space().write('old');
  writer.put(3);
  writer.end();
  const reader = new AsyncRingReader(first.memory);
  assert.equal(String(await reader.read()), 'old');
  reader.break();
  first[Symbol.dispose]();
  const again = pool.take();
  assert.equal(again.memory, first.memory);
  assert.equal(await new AsyncRingWriter(again.memory).write(Buffer.from('new')), true);
  const next = new AsyncRingReader(again.memory);
  assert.equal(String(await next.read()), 'new');
});

test('no more rings must be kept than are likely to be used again', () => {
  const pool = new RingPool();
  const taken = Array.from({ length: 5 }, () => pool.take());
  for (const ring of taken) ring[Symbol.dispose]();
  const kept = new Set(taken.map(({ memory }) => memory));
  const again = Array.from({ length: 5 }, () => pool.take());
  assert.equal(again.filter(({ memory }) => kept.has(memory)).length, 2);
});
