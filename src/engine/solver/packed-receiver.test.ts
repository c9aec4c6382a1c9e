import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { directoryMessages, ListingWriter, pieceHeader, unpackNumbers, writePieceHeader, type EntryStatus } from '#schema/buildkit/directory-listing.ts';
import type { MessageStream } from './build-session.ts';
import { ContextStore } from './context-store.ts';

const status = (size: number, changed = 1n): EntryStatus => ({ mode: 0o644, size, modified: 5_000_000_007n, changed, inode: 9n });
const options = { signal: new AbortController().signal, onProgress: (): void => undefined };

function storeOf(t: TestContext): ContextStore {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-context-'));
  const store = new ContextStore(join(directory, 'contexts'));
  t.after(async () => {
    await store[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });
  return store;
}

/** A client that lists this and sends what it is asked for; `asked` gets the numbers. */
function clientOf(listing: readonly Buffer[], contents: readonly string[], asked: number[] = []): MessageStream {
  const wanted = Promise.withResolvers<void>();
  return {
    messages: (async function* () {
      yield* listing;
      await wanted.promise;
      for (const number of asked) {
        const bytes = Buffer.from(contents[number] ?? '');
        const message = Buffer.alloc(1 + pieceHeader + bytes.length);
        message[0] = directoryMessages.contents;
        writePieceHeader(message, 1, { number, length: bytes.length, last: true });
        bytes.copy(message, 1 + pieceHeader);
        yield message;
      }
    })(),
    send: async (message) => void asked.push(...unpackNumbers(Buffer.from(message))),
    end: () => wanted.resolve(),
  };
}

function listingOf(write: (writer: ListingWriter) => (Buffer | undefined)[]): Buffer[] {
  const writer = new ListingWriter();
  return [...write(writer).filter((message) => message !== undefined), writer.end()];
}

const plain = (changed = 1n): Buffer[] => listingOf((writer) => [
  writer.add('file', 'first', status(3, changed)), writer.add('directory', 'ünder', status(0)), writer.add('file', 'second', status(5)), writer.up(), writer.add('link', 'third', status(3), 'first'), writer.add('symlink', 'way', status(0), 'ünder/second'),
]);

test('a directory must come as it was listed, and only what changed must be asked for', async (t) => {
  const store = storeOf(t);
  const asked: number[] = [];
  const tree = await store.receivePacked('key', clientOf(plain(), ['one', 'two-2'], asked), options);
  assert.deepEqual(asked, [0, 1]);
  assert.equal(await tree.text('first', 100), 'one');
  assert.equal(await tree.text('way', 100), 'two-2');
  assert.equal(tree.find('third'), tree.find('first'));
  assert.deepEqual(tree.find('first')?.modified, { seconds: 5, nanoseconds: 7 });
  const none: number[] = [];
  const same = await store.receivePacked('key', clientOf(plain(), [], none), options);
  assert.deepEqual(none, []);
  assert.equal(same.root, tree.root);
  const changed: number[] = [];
  const next = await store.receivePacked('key', clientOf(plain(2n), ['new', 'never'], changed), options);
  assert.deepEqual(changed, [0]);
  assert.deepEqual([await next.text('third', 100), await next.text('way', 100), await tree.text('first', 100)], ['new', 'two-2', 'one']);
  await store.clear();
  const cleared: number[] = [];
  await using fresh = await store.receivePacked('key', clientOf(plain(), ['uno', 'two-2'], cleared), options);
  assert.deepEqual([cleared, await fresh.text('first', 100)], [[0, 1], 'uno']);
  for (const one of [tree, same, next]) await one[Symbol.asyncDispose]();
});

test('what is no directory must be refused', async (t) => {
  const store = storeOf(t);
  const refused = async (listing: readonly Buffer[], contents: readonly string[] = []): Promise<void> =>
    await assert.rejects(store.receivePacked('key', clientOf(listing, contents), options), (error: Error & { code?: string }) => error.code === 'build.session_failed');
  for (const name of ['..', '.', '', 'a/b', '/etc', 'a\0b']) await refused(listingOf((writer) => [writer.add('file', name, status(1))]), ['x']);
  await refused(listingOf((writer) => [writer.up()]));
  await refused(listingOf((writer) => [writer.add('directory', 'open', status(0))]));
  await refused(listingOf((writer) => [writer.add('link', 'a', status(0), 'missing')]));
  await refused(listingOf((writer) => [writer.add('file', 'grown', status(1))]), ['two']);
  await refused(listingOf((writer) => [writer.add('file', 'odd', status(-1))]), ['x']);
  const [whole = Buffer.alloc(0)] = plain();
  // Before the directory in it ends.
  for (let length = 2; length < 140; length += 7) await refused([whole.subarray(0, length)], ['one', 'two-2']);
  await refused([Buffer.from([directoryMessages.lastListing, 77])]);
  await refused([Buffer.from([directoryMessages.contents])]);
});
