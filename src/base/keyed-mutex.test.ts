import assert from 'node:assert/strict';
import test from 'node:test';
import { KeyedMutex } from './keyed-mutex.ts';

test('work on one key must be serial and in order of asking', async () => {
  const mutex = new KeyedMutex();
  const seen: string[] = [];
  const work = (name: string) =>
    mutex.run('k', async () => {
      seen.push(`${name} begins`);
      await Promise.resolve();
      seen.push(`${name} ends`);
    });
  await Promise.all([work('a'), work('b'), work('c')]);
  assert.deepEqual(seen, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
});

test('work on different keys must not wait for each other', async () => {
  const mutex = new KeyedMutex();
  using _held = await mutex.acquire('one');
  using _other = await mutex.acquire('two');
});

test('a waiter that gives up must leave the order of the others whole', async () => {
  const mutex = new KeyedMutex();
  const held = await mutex.acquire('k');
  const leaver = new AbortController();
  const left = mutex.acquire('k', leaver.signal);
  let third = false;
  const waiting = mutex.run('k', async () => void (third = true));
  leaver.abort(new Error('left'));
  await assert.rejects(left, /left/);
  await Promise.resolve();
  assert.equal(third, false, 'the key is still held');
  held[Symbol.dispose]();
  await waiting;
  assert.equal(third, true);
});
