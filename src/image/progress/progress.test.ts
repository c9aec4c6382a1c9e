import assert from 'node:assert/strict';
import test from 'node:test';
import type { ProgressMessage } from '#schema/image-views.ts';
import { byteMessage } from './byte-progress.ts';
import { humanSize, progressBar } from './progress-bar.ts';
import { streamProgress } from './progress-stream.ts';

const never = new AbortController().signal;

test('the bar must look as Docker draws it', () => {
  assert.equal(progressBar(0, 0), '');
  assert.equal(progressBar(1500, 0), '   1.5kB');
  assert.equal(progressBar(65536, 2222080), `[=>${' '.repeat(49)}]  65.54kB/2.222MB`);
  assert.equal(progressBar(100, 100), `[${'='.repeat(50)}>]     100B/100B`);
  assert.equal(progressBar(300, 100), `[${'='.repeat(50)}>]     300B`);
  assert.equal(humanSize(999_999), '1000kB');
  assert.deepEqual(byteMessage({ id: 'x', status: 'Downloading', current: 0, total: 10 }).progressDetail, { total: 10 });
});

test('messages must come in order, and the failure after them', async () => {
  const seen: ProgressMessage[] = [];
  await assert.rejects(async () => {
    for await (const message of streamProgress((report) => {
      report({ status: 'one' });
      report({ status: 'two' });
      return Promise.reject(new Error('broken'));
    }, never)) seen.push(message);
  }, { message: 'broken' });
  assert.deepEqual(seen, [{ status: 'one' }, { status: 'two' }]);
});

test('a reader that is slow must get the newest count only, and every other message', async () => {
  const reading = streamProgress(async (report) => {
    for (let current = 1; current <= 100_000; current++) report({ status: 'Downloading', id: 'a', progressDetail: { current } });
    report({ status: 'done', id: 'a' });
    await Promise.resolve();
  }, never);
  const messages = await Array.fromAsync(reading);
  assert.ok(messages.length <= 3, `${messages.length} messages were kept`);
  assert.deepEqual(messages.slice(-2), [{ status: 'Downloading', id: 'a', progressDetail: { current: 100_000 } }, { status: 'done', id: 'a' }]);
});

test('a reader that leaves must abort the work, and wait for its end', async () => {
  let ended = false;
  for await (const _message of streamProgress(async (report, signal) => {
    report({ status: 'begun' });
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => setImmediate(resolve), { once: true }));
    ended = true;
    signal.throwIfAborted();
  }, never)) break;
  assert.ok(ended);
});

test('an abort must reach the work', async () => {
  const abort = new AbortController();
  const reading = Array.fromAsync(streamProgress(async (_report, signal) => {
    abort.abort(new Error('enough'));
    signal.throwIfAborted();
    await Promise.resolve();
  }, abort.signal));
  await assert.rejects(reading, { message: 'enough' });
});
