import assert from 'node:assert/strict';
import test from 'node:test';
import { SharedRun } from './shared-run.ts';

test('a run must serve all who asked before it began, and nobody who came later', async () => {
  const begun: PromiseWithResolvers<void>[] = [];
  const shared = new SharedRun(async () => {
    const run = Promise.withResolvers<void>();
    begun.push(run);
    await run.promise;
  });
  const ended: string[] = [];
  const ask = async (name: string): Promise<void> => shared.run().then(() => void ended.push(name), () => void ended.push(`${name} failed`));
  const first = [ask('a'), ask('b')];
  await new Promise(setImmediate);
  const second = [ask('c'), ask('d')];
  await new Promise(setImmediate);
  assert.equal(begun.length, 1);
  begun[0]?.reject(new Error('no'));
  await Promise.all(first);
  assert.deepEqual(ended, ['a failed', 'b failed']);
  await new Promise(setImmediate);
  assert.equal(begun.length, 2);
  begun[1]?.resolve();
  await Promise.all(second);
  assert.deepEqual(ended.slice(2), ['c', 'd']);
});
