import assert from 'node:assert/strict';
import test from 'node:test';
import { OnePrune } from './one-prune.ts';

test('a second prune must be refused while one runs, and served when it has ended or failed', async () => {
  const prunes = new OnePrune();
  const { promise, resolve } = Promise.withResolvers<number>();
  const first = prunes.run(() => promise);
  await assert.rejects(prunes.run(async () => 2), { code: 'api.prune_running', message: 'a prune operation is already running' });
  resolve(1);
  assert.equal(await first, 1);
  const failing = Promise.withResolvers<number>();
  const second = prunes.run(() => failing.promise);
  failing.reject(new Error('broken'));
  await assert.rejects(second, /broken/);
  assert.equal(await prunes.run(async () => 3), 3);
});
