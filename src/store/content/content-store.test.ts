import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { ContentStore } from './contract.ts';
import { createContentStore } from './content-store.ts';

const never = new AbortController().signal;
const digestOf = (bytes: Uint8Array, algorithm = 'sha256'): string => `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;

function openStore(t: TestContext): { store: ContentStore; dataRoot: string } {
  const dataRoot = mkdtempSync(join(tmpdir(), 'dhow-content-'));
  t.after(() => rmSync(dataRoot, { recursive: true, force: true }));
  return { store: createContentStore({ dataRoot }), dataRoot };
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks));
}

/** Writes part of a blob and leaves it. */
async function leave(store: ContentStore, digest: string, bytes: Uint8Array): Promise<void> {
  const writer = await store.write(digest, { signal: never });
  assert.ok(writer);
  await writer.write(bytes);
  await writer[Symbol.asyncDispose]();
}

test('bytes that are put must be there by their digest, in whole and in part, under every algorithm', async (t) => {
  const { store, dataRoot } = openStore(t);
  for (const algorithm of ['sha256', 'sha384', 'sha512']) {
    const bytes = randomBytes(1000);
    const digest = digestOf(bytes, algorithm);
    assert.equal((await store.put(bytes, digest)).digest, digest);
    assert.equal(store.stat(digest)?.size, 1000);
    assert.equal(store.path(digest), join(dataRoot, 'content/blobs', algorithm, digest.slice(algorithm.length + 1)));
    assert.deepEqual(await bytesOf(store.read(digest)), bytes);
    assert.deepEqual(await bytesOf(store.read(digest, { offset: 10, length: 5 })), bytes.subarray(10, 15));
    assert.equal((await bytesOf(store.read(digest, { offset: 10, length: 0 }))).length, 0);
    assert.deepEqual(await store.readWhole(digest, 1000), bytes);
    await assert.rejects(store.readWhole(digest, 999), { code: 'content.too_large' });
    assert.ok(await store.verify(digest));
    appendFileSync(store.path(digest), 'x');
    assert.equal(await store.verify(digest), false);
  }
  assert.equal(store.list().length, 3);
});

test('what is no digest must not become a path', (t) => {
  const { store } = openStore(t);
  for (const text of ['', 'sha256:', 'sha256:../../etc/passwd', `md5:${'0'.repeat(32)}`, '../x', `sha256:${'A'.repeat(64)}`]) {
    assert.equal(store.stat(text), undefined);
    assert.throws(() => store.path(text), { code: 'content.not_found' });
  }
});

test('a partial blob must be taken up by the next writer, also one of another process', async (t) => {
  const { store, dataRoot } = openStore(t);
  const bytes = randomBytes(3_000_000);
  const digest = digestOf(bytes);
  await leave(store, digest, bytes.subarray(0, 1_234_567));
  assert.equal(store.stat(digest), undefined);
  const after = createContentStore({ dataRoot });
  after.repair();
  assert.deepEqual(after.partials().map(({ target, size, busy }) => ({ target, size, busy })), [{ target: { digest }, size: 1_234_567, busy: false }]);
  await using writer = await after.write(digest, { size: bytes.length, signal: never });
  assert.equal(writer?.offset, 1_234_567);
  assert.equal(writer?.resumed, true);
  await writer?.write(bytes.subarray(1_234_567));
  assert.deepEqual((await writer?.commit())?.size, bytes.length);
  assert.deepEqual(await after.readWhole(digest, bytes.length), bytes);
  assert.deepEqual(after.partials(), []);
});

test('bytes that have not the digest or the size must be dropped', async (t) => {
  const { store, dataRoot } = openStore(t);
  const bytes = randomBytes(100);
  const digest = digestOf(bytes);
  const wrong = await store.write(digest, { signal: never });
  await wrong?.write(randomBytes(100));
  await assert.rejects(wrong?.commit() ?? Promise.resolve(), { code: 'content.digest_mismatch' });
  const short = await store.write(digest, { size: 101, signal: never });
  assert.equal(short?.offset, 0);
  await short?.write(bytes);
  await assert.rejects(short?.commit() ?? Promise.resolve(), { code: 'content.wrong_size' });
  await assert.rejects(store.put(bytes, digestOf(randomBytes(1))), { code: 'content.digest_mismatch' });
  assert.deepEqual(readdirSync(join(dataRoot, 'content/ingest')), []);
  assert.deepEqual(store.list(), []);
});

test('a partial blob that was damaged must be found out at the end, and be begun anew by its writer', async (t) => {
  const { store, dataRoot } = openStore(t);
  const bytes = randomBytes(100);
  const digest = digestOf(bytes);
  writeFileSync(join(dataRoot, 'content/ingest', digest.replace(':', '.')), Buffer.alloc(50));
  const writer = await store.write(digest, { size: 100, signal: never });
  assert.equal(writer?.offset, 50);
  await writer?.restart();
  assert.deepEqual([writer?.offset, writer?.resumed], [0, false]);
  await writer?.write(bytes);
  await writer?.commit();
  assert.ok(await store.verify(digest));
});

test('a second writer must wait for the first, take up what a cancelled one left, and find a completed one there', async (t) => {
  const { store } = openStore(t);
  const bytes = randomBytes(1000);
  const digest = digestOf(bytes);
  const first = await store.write(digest, { signal: never });
  await first?.write(bytes.subarray(0, 400));
  const gone = new AbortController();
  const second = store.write(digest, { signal: never });
  const third = store.write(digest, { signal: gone.signal });
  const fourth = store.write(digest, { signal: never });
  gone.abort(new Error('left'));
  await assert.rejects(third, { message: 'left' });
  assert.ok(store.isBusy(digest));
  await first?.[Symbol.asyncDispose]();
  const taken = await second;
  assert.equal(taken?.offset, 400);
  await taken?.write(bytes.subarray(400));
  await taken?.commit();
  assert.equal(await fourth, undefined);
  assert.equal(await store.write(digest, { signal: never }), undefined);
  assert.equal(store.isBusy(digest), false);
});

test('a blob must be readable while it is written, across writers', async (t) => {
  const { store } = openStore(t);
  const bytes = randomBytes(2_500_000);
  const digest = digestOf(bytes);
  const sizes: number[] = [];
  using _sizes = store.watch(digest, (size) => sizes.push(size));
  const opening = store.openGrowing(digest, { signal: never });
  await leave(store, digest, bytes.subarray(0, 1_000_000));
  await using file = await opening;
  const available: (number | undefined)[] = [];
  using _available = file.watch((size) => available.push(size));
  assert.deepEqual(available, [1_000_000]);
  const start = Buffer.alloc(1_000_000);
  assert.equal(readSync(file.descriptor, start, 0, start.length, 0), start.length);
  assert.ok(start.equals(bytes.subarray(0, start.length)));
  await using writer = await store.write(digest, { signal: never });
  for (let at = 1_000_000; at < bytes.length; at += 100_000) await writer?.write(bytes.subarray(at, at + 100_000));
  await writer?.commit();
  assert.deepEqual([available.at(-1), sizes.at(-1)], [bytes.length, bytes.length]);
  // The file is the same when it has got its name.
  const all = Buffer.alloc(bytes.length);
  assert.equal(readSync(file.descriptor, all, 0, all.length, 0), all.length);
  assert.ok(all.equals(bytes));
  await using whole = await store.openGrowing(digest, { signal: never });
  using _whole = whole.watch((size) => assert.equal(size, bytes.length));
});

test('one who reads a growing blob must be told when it is dropped, and be free to leave before there is one', async (t) => {
  const { store } = openStore(t);
  const digest = digestOf(randomBytes(1));
  const left = new AbortController();
  const leaving = store.openGrowing(digest, { signal: left.signal });
  left.abort(new Error('enough'));
  await assert.rejects(leaving, { message: 'enough' });
  const writer = await store.write(digest, { signal: never });
  await writer?.write(randomBytes(600_000));
  await using file = await store.openGrowing(digest, { signal: never });
  const available: (number | undefined)[] = [];
  using _available = file.watch((size) => available.push(size));
  await writer?.discard();
  assert.deepEqual(available, [600_000, undefined]);
});

test('memory that is given to a writer must be free when it is written, and what is only lent be untouched', async (t) => {
  const { store } = openStore(t);
  const [given, lent] = [randomBytes(700_000), randomBytes(700_000)];
  const digest = digestOf(Buffer.concat([given, lent]));
  const own = new Uint8Array(given);
  const writer = await store.write(digest, { signal: never });
  await writer?.give(own);
  const kept = new Uint8Array(lent);
  await writer?.write(kept);
  assert.equal(own.length, 0);
  assert.ok(Buffer.from(kept).equals(lent));
  assert.equal((await writer?.commit())?.digest, digest);
});

test('an upload must be resumable by its session, and get the digest that is told at its end', async (t) => {
  const { store } = openStore(t);
  const bytes = randomBytes(1000);
  const first = await store.upload('a-1', { signal: never });
  await first.write(bytes.subarray(0, 300));
  await first[Symbol.asyncDispose]();
  const second = await store.upload('a-1', { signal: never });
  assert.equal(second.offset, 300);
  await second.write(bytes.subarray(300));
  const digest = digestOf(bytes, 'sha512');
  assert.equal((await second.commit(digest)).digest, digest);
  const unnamed = await store.upload('b', { signal: never });
  await unnamed.write(bytes);
  assert.equal((await unnamed.commit()).digest, digestOf(bytes));
  assert.deepEqual(store.partials(), []);
});

test('only blobs that nobody owns or holds must be collected', async (t) => {
  const { store } = openStore(t);
  const [owned, held, loose] = await Promise.all(['owned', 'held', 'loose'].map(async (text) => (await store.put(Buffer.from(text))).digest));
  assert.ok(owned !== undefined && held !== undefined && loose !== undefined);
  const lease = store.lease();
  const other = store.lease();
  assert.ok(lease.hold(held));
  other.hold(held);
  assert.equal(lease.hold(digestOf(Buffer.from('later'))), false);
  lease[Symbol.dispose]();
  const isOwned = (digest: string): boolean => digest === owned;
  assert.deepEqual(store.collect([held, owned], isOwned), []);
  assert.deepEqual(store.collect(undefined, isOwned).map(({ digest }) => digest), [loose]);
  other[Symbol.dispose]();
  assert.deepEqual(store.collect([held, owned], isOwned).map(({ digest }) => digest), [held]);
  assert.deepEqual(store.list().map(({ digest }) => digest), [owned]);
});

test('partial blobs must go when they were not used for long, and drafts of a crash at once', async (t) => {
  const { store, dataRoot } = openStore(t);
  await leave(store, digestOf(randomBytes(1)), Buffer.from('part'));
  const busy = await store.upload('busy', { signal: never });
  await busy.write(Buffer.from('part'));
  const draft = join(dataRoot, 'content/ingest/draft.1');
  writeFileSync(draft, 'x');
  store.repair();
  assert.equal(existsSync(draft), false);
  assert.deepEqual(store.dropPartials({ unusedFor: 60_000 }), []);
  assert.deepEqual(store.dropPartials({ unusedFor: 0, among: new Set([digestOf(randomBytes(2))]) }), []);
  assert.equal(store.dropPartials({ unusedFor: 0 }).length, 1);
  assert.equal(store.partials().length, 1);
  await busy.discard();
  assert.deepEqual(store.partials(), []);
});
