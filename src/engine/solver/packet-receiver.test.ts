import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { goModes, Packet, packetTypes, Stat } from '#schema/buildkit/file-sync-messages.ts';
import type { EncodedPacketStream } from './build-session.ts';
import { ContextStore } from './context-store.ts';

interface Entry {
  readonly path: string;
  readonly text?: string;
  readonly mode?: number;
  readonly modified?: bigint;
  readonly linkName?: string;
}

const options = { signal: new AbortController().signal, onProgress: (): void => undefined };
const listed = ({ path, text = '', mode = 0o644, modified = 7n, linkName = '' }: Entry): Buffer => Packet.encode({ type: packetTypes.stat, stat: Stat.of({ path, mode, modified, linkName, size: text.length }) });
const last = Packet.encode({ type: packetTypes.stat });

function storeOf(t: TestContext): ContextStore {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-packets-'));
  const store = new ContextStore(join(directory, 'contexts'));
  t.after(async () => {
    await store[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });
  return store;
}

/** A client with these entries, which come `together` at a time; `asked` gets the paths it was asked for. */
function clientOf(entries: readonly Entry[], asked: string[] = [], { together = 3, listing = [...entries.map(listed), last] }: { together?: number; listing?: readonly Buffer[] } = {}): EncodedPacketStream {
  const waiting: Buffer[][] = [];
  let wake = Promise.withResolvers<void>();
  let isOver = false;
  for (let at = 0; at < listing.length; at += together) waiting.push(listing.slice(at, at + together));
  return {
    batches: (async function* () {
      while (!isOver || waiting.length > 0) {
        const batch = waiting.shift();
        if (batch !== undefined) yield batch;
        else {
          await wake.promise;
          wake = Promise.withResolvers<void>();
        }
      }
    })(),
    send: async ({ type, id = 0 }) => {
      const entry = entries[id];
      if (type === packetTypes.finish) waiting.push([Packet.encode({ type })]);
      else if (entry !== undefined) {
        asked.push(entry.path);
        const data = Buffer.from(entry.text ?? '');
        waiting.push([...(data.length === 0 ? [] : [data]), Buffer.alloc(0)].map((piece) => Packet.encode({ type: packetTypes.data, id, data: piece })));
      }
      wake.resolve();
    },
    end: () => void (isOver = true),
  };
}

const plain = (modified = 7n): Entry[] => [
  { path: 'empty' }, { path: 'first', text: 'one', modified }, { path: 'third', linkName: 'first', text: 'one' },
  { path: 'ünder', mode: goModes.directory + 0o755 }, { path: 'ünder/second', text: 'two-2' }, { path: 'way', mode: goModes.symlink + 0o777, linkName: 'ünder/second' },
];

test('the same listing must give the same tree and ask for nothing, and a changed entry must be asked for alone', async (t) => {
  for (const together of [1, 3, 100]) {
    const store = storeOf(t);
    const asked: string[] = [];
    const tree = await store.receive('key', clientOf(plain(), asked, { together }), options);
    assert.deepEqual(asked, ['empty', 'first', 'ünder/second']);
    assert.deepEqual([await tree.text('first', 100), await tree.text('way', 100)], ['one', 'two-2']);
    assert.equal(tree.find('third'), tree.find('first'));
    const none: string[] = [];
    const same = await store.receive('key', clientOf(plain(), none, { together }), options);
    assert.deepEqual(none, []);
    assert.equal(same.root, tree.root);
    const changed: string[] = [];
    const next = await store.receive('key', clientOf(plain(8n).map((entry) => (entry.path === 'first' ? { ...entry, text: 'new' } : entry)), changed, { together }), options);
    assert.deepEqual(changed, ['first']);
    assert.deepEqual([await next.text('third', 100), await next.text('way', 100), await tree.text('first', 100)], ['new', 'two-2', 'one']);
    const again: string[] = [];
    const back = await store.receive('key', clientOf(plain(), again, { together }), options);
    assert.deepEqual([again, back.root === tree.root, await back.text('first', 100)], [[], true, 'one']);
    const elsewhere: string[] = [];
    const other = await store.receive('other', clientOf(plain(), elsewhere, { together }), options);
    assert.equal(elsewhere.length, 3);
    for (const one of [tree, same, next, back, other]) await one[Symbol.asyncDispose]();
  }
});

test('listings that differ in where their messages end must be told apart, and long ones be read as they come', async (t) => {
  const store = storeOf(t);
  const first = await store.receive('key', clientOf([{ path: 'a', text: '1' }]), options);
  // More than is held back, and paths longer than what is hashed at once.
  const long = Array.from({ length: 250 }, (_, index) => ({ path: `${String(index).padStart(70_000, 'x')}`, text: 'x' }));
  const asked: string[] = [];
  const tree = await store.receive('key', clientOf(long, asked), options);
  assert.equal(asked.length, long.length);
  assert.equal(tree.root.children.size, long.length);
  const none: string[] = [];
  const same = await store.receive('key', clientOf(long, none), options);
  assert.deepEqual([none, same.root.children.size], [[], long.length]);
  // One packet with both entries has the bytes of two, and is the last of them.
  const pair = [listed({ path: 'b' }), listed({ path: 'c' })];
  const two = await store.receive('key', clientOf([{ path: 'b' }, { path: 'c' }]), options);
  const one = await store.receive('key', clientOf([{ path: 'c' }], [], { listing: [Buffer.concat(pair), last] }), options);
  assert.deepEqual([[...two.root.children.keys()], [...one.root.children.keys()]], [['b', 'c'], ['c']]);
  for (const each of [first, tree, same, two, one]) await each[Symbol.asyncDispose]();
});

test('what is no listing must be refused, whether one is known or not', async (t) => {
  const store = storeOf(t);
  const refused = async (stream: EncodedPacketStream, message: RegExp): Promise<void> =>
    await assert.rejects(store.receive('key', stream, options), (error: Error & { code?: string }) => error.code === 'build.session_failed' && message.test(error.message));
  for (const isKnown of [false, true]) {
    if (isKnown) await (await store.receive('key', clientOf(plain()), options))[Symbol.asyncDispose]();
    await refused(clientOf([{ path: '../out' }]), /leads out/);
    await refused(clientOf([{ path: 'a', linkName: 'missing' }]), /was not sent/);
    await refused(clientOf([], [], { listing: [Buffer.from([0x12, 0x7f]), last] }), /./);
    await refused(clientOf([], [], { listing: [listed({ path: 'a' }), Packet.encode({ type: packetTypes.error, data: Buffer.from('no such thing') })] }), /no such thing/);
    await refused(clientOf([], [], { listing: [listed({ path: 'dir', mode: goModes.directory }), last, listed({ path: 'more' })], together: 9 }), /after the last/);
    await refused(clientOf([], [], { listing: [listed({ path: 'dir', mode: goModes.directory }), Packet.encode({ type: packetTypes.finish })] }), /stopped sending/);
    await refused(clientOf([], [], { listing: [Packet.encode({ type: packetTypes.data, id: 5, data: Buffer.from('x') })] }), /not asked for/);
  }
});
