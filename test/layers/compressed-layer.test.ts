import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { GzipProgram } from '#image/layer/gzip-program.ts';
import { findProgram } from '#kernel/find-program.ts';
import { archiveOf, signal, temporaryDirectory, testStore, type TestStore } from './fixtures.ts';

/** Text and noise in turns, by the seed. */
function contents(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size);
  let state = seed;
  for (let index = 0; index < size; index++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[index] = (index >> 18) % 2 === 0 ? 97 + (index % 23) : state >>> 16;
  }
  return bytes;
}

const large = archiveOf({ name: 'a', body: contents(5_000_000) }, { name: 'b', body: contents(1_000_001, 2) });

async function compressed({ store }: TestStore, chainId: string, options: { signal: AbortSignal } = { signal }): Promise<Buffer> {
  const layer = store.gzipStream(chainId, options);
  const chunks: Buffer[] = [];
  for await (const chunk of layer.bytes) chunks.push(Buffer.from(chunk));
  const bytes = Buffer.concat(chunks);
  assert.deepEqual(layer.result(), { digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, size: bytes.length });
  assert.equal(layer.consumed(), store.tarLength(chainId));
  return bytes;
}

/** A program in place of igzip that tells its process id and then does this. */
function programOf(t: TestContext, script: string): { gzip: GzipProgram; calls: () => number[] } {
  const directory = temporaryDirectory();
  t.after(() => directory[Symbol.dispose]());
  const [path, calls] = [`${directory.path}/igzip`, `${directory.path}/calls`];
  writeFileSync(path, `#!/bin/sh\necho $$ >> ${calls}\n${script}\n`, { mode: 0o755 });
  return {
    gzip: new GzipProgram(() => path),
    calls: () => (existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n').map(Number) : []),
  };
}

/** Pipes of this process. */
function pipes(): string[] {
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${descriptor}`);
      return target.startsWith('pipe:') ? [`${descriptor} ${target}`] : [];
    } catch {
      // The directory's own.
      return [];
    }
  });
}

const pipesAtFirst = pipes().length;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5, undefined, { signal });
}

test('igzip must give the layer, the same bytes every time, with their digest and length', async () => {
  const path = findProgram('igzip') ?? assert.fail('igzip (package isal) is not installed');
  using layers = testStore({ gzip: new GzipProgram(() => path) });
  const { chainId } = await layers.apply(large);
  const first = await compressed(layers, chainId);
  assert.ok(gunzipSync(first).equals(large));
  assert.ok(first.length < large.length * 0.7, `${first.length} bytes of ${large.length}`);
  const others = await Promise.all([compressed(layers, chainId), compressed(layers, chainId), compressed(layers, chainId)]);
  for (const other of others) assert.ok(other.equals(first));
});

test('without a program, and for what is small, zlib must do it', async (t) => {
  using layers = testStore({ gzip: new GzipProgram(() => undefined) });
  const { chainId } = await layers.apply(large);
  assert.ok(gunzipSync(await compressed(layers, chainId)).equals(large));
  const { gzip, calls } = programOf(t, 'exec gzip -1 -c');
  using others = testStore({ gzip });
  const small = archiveOf({ name: 'a', body: contents(1000) });
  assert.ok(gunzipSync(await compressed(others, (await others.apply(small)).chainId)).equals(small));
  assert.deepEqual(calls(), []);
  assert.ok(gunzipSync(await compressed(others, (await others.apply(large)).chainId)).equals(large));
  assert.equal(calls().length, 1);
});

for (const [what, script, reason] of [
  ['ends with a failure', 'gzip -1 -c; exit 3', 'it ended with status 3'],
  ['fails before it reads', 'exit 4', 'it ended with status 4'],
  ['is killed', 'head -c 3000000 >/dev/null; kill -9 $$', 'it was ended by signal 9'],
  ['gives up silently', 'head -c 3000000 | gzip -1 -c', 'it ended before its input did'],
  ['gives less than it made', 'head -c 3000000 | gzip -1 -c; cat >/dev/null', 'what it made is not of its whole input'],
  ['gives another archive', 'cat >/dev/null; echo other | gzip -1 -c', 'what it made is not of its whole input'],
  ['is no program', '\0', undefined],
] as const) {
  test(`a program that ${what} must be told as a failure, and zlib do its work from then on`, async (t) => {
    const { gzip, calls } = programOf(t, script);
    using layers = testStore({ gzip });
    const { chainId } = await layers.apply(large);
    await assert.rejects(compressed(layers, chainId), (error: Error & { code?: string; details?: Record<string, unknown> }) => {
      assert.equal(error.code, 'layer.compression_failed');
      if (reason !== undefined) assert.equal(error.details?.['reason'], reason);
      return true;
    });
    assert.ok(gunzipSync(await compressed(layers, chainId)).equals(large));
    assert.ok(calls().length <= 1);
  });
}

test('a program that cannot be started must be told with its path', async () => {
  using layers = testStore({ gzip: new GzipProgram(() => '/no/such/igzip') });
  const { chainId } = await layers.apply(large);
  await assert.rejects(compressed(layers, chainId), { code: 'layer.compression_failed', message: /\/no\/such\/igzip: no such file or directory/ });
  assert.ok(gunzipSync(await compressed(layers, chainId)).equals(large));
});

for (const [what, script] of [['that was stopped', 'kill -STOP $$'], ['that is at work', 'exec gzip -1 -c'], ['that never ends', 'cat >/dev/null; exec sleep 1000']] as const) {
  test(`a program ${what} must go when nobody wants its work any more`, async (t) => {
    const { gzip, calls } = programOf(t, script);
    using layers = testStore({ gzip });
    const { chainId } = await layers.apply(large);
    const abort = new AbortController();
    const aborted = compressed(layers, chainId, { signal: abort.signal });
    aborted.catch(() => undefined);
    await until(() => calls().length === 1);
    abort.abort(new Error('given up'));
    await assert.rejects(aborted, { message: 'given up' });
    for (const pid of calls()) assert.equal(existsSync(`/proc/${pid}`), false);
    // Giving up is no failure of the program.
    const left = layers.store.gzipStream(chainId, { signal: AbortSignal.timeout(500) });
    if (what === 'that is at work') {
      for await (const _chunk of left.bytes) break;
    } else await assert.rejects(async () => await left.bytes[Symbol.asyncIterator]().next());
    assert.equal(calls().length, 2);
    for (const pid of calls()) assert.equal(existsSync(`/proc/${pid}`), false);
    await layers.store.remove(chainId);
  });
}

test('a damaged layer must fail as such, whatever compresses it', async () => {
  using layers = testStore();
  const { chainId } = await layers.apply(large);
  writeFileSync(`${layers.tree(chainId)}/b`, contents(1_000_001, 3));
  await assert.rejects(compressed(layers, chainId), { code: 'layer.invalid_archive', message: /is damaged: its contents now have digest/ });
});

test('no pipe of all these must stay open', async () => {
  // Idle threads have some of their own, and end.
  await until(() => pipes().length <= pipesAtFirst);
});
