/** What the layer store keeps, shares, refuses and repairs. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { isFailure, messageOf } from '#base/errors/failure.ts';
import { createLayerStore } from '#image/layer/layer-store.ts';
import { mount } from '#kernel/mounts.ts';
import { chainIdOver } from '#oci/chain-id.ts';
import { digestOf } from '#oci/digest.ts';
import { paxBlocks } from './raw-header.ts';
import { archiveOf, attributesOf, signal, storeActions, temporaryDirectory, testStore } from './fixtures.ts';

const archive = archiveOf({ name: 'd/', type: '5' }, { name: 'd/f', body: 'contents' });

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    assert.ok(tries < 1000, 'the condition never held');
    await delay(10);
  }
}

test('layers must be known by chain ids, with the sizes Docker counts', async () => {
  using layers = testStore();
  const base = await layers.apply(archiveOf({ name: 'a', body: '12345' }, { name: 'b', type: '1', linkName: 'a' }, { name: 'c', type: '2', linkName: 'abc' }));
  assert.equal(base.chainId, base.diffId);
  assert.equal(base.size, 8);
  const top = await layers.apply(archive, { parent: base.chainId });
  assert.equal(top.diffId, digestOf(archive));
  assert.equal(top.chainId, chainIdOver(base.chainId, top.diffId));
  assert.equal(top.parent, base.chainId);
  assert.equal(top.archiveDigest, top.diffId);
  assert.deepEqual(layers.store.get(top.chainId), { chainId: top.chainId, diffId: top.diffId, parent: base.chainId, size: 8 });
  assert.equal(layers.store.list().length, 2);
  assert.equal(layers.store.get('sha256:unknown'), undefined);
});

test('directories must be arranged as Docker arranges them', async () => {
  using layers = testStore();
  const base = await layers.apply(archive);
  const top = await layers.apply(archive, { parent: base.chainId });
  const [upper, lower] = layers.store.directories(top.chainId);
  assert.ok(upper !== undefined && lower !== undefined);
  assert.match(upper.name, /^[0-9a-f]{64}$/);
  assert.match(upper.link, /^[A-Z2-7]{26}$/);
  const home = `${layers.path}/overlay2`;
  assert.deepEqual(readdirSync(`${home}/${lower.name}`).sort(), ['committed', 'diff', 'link']);
  assert.deepEqual(readdirSync(`${home}/${upper.name}`).sort(), ['committed', 'diff', 'link', 'lower', 'work']);
  assert.equal(readFileSync(`${home}/${upper.name}/lower`, 'utf8'), `l/${lower.link}`);
  assert.equal(readFileSync(`${home}/${upper.name}/link`, 'utf8'), upper.link);
  assert.equal(readlinkSync(`${home}/l/${upper.link}`), `../${upper.name}/diff`);
  assert.equal(statSync(home).mode & 0o777, 0o710);
  assert.equal(statSync(`${home}/${upper.name}/diff`).mode & 0o777, 0o755);
});

test('a layer that is there must not be unpacked twice, and be verified all the same', async () => {
  using layers = testStore();
  const first = await layers.apply(archive);
  assert.equal(first.created, true);
  const before = layers.leftovers();
  assert.equal((await layers.apply(archive)).created, false);
  assert.equal((await layers.apply(archive, { expectedDiffId: first.diffId })).created, false);
  const other = archiveOf({ name: 'other', body: 'x' });
  await assert.rejects(layers.apply(other, { expectedDiffId: first.diffId }), { code: 'layer.digest_mismatch' });
  assert.deepEqual(layers.leftovers(), before);
});

test('a layer with another digest than expected must be refused and leave nothing', async () => {
  using layers = testStore();
  const expected = `sha256:${'0'.repeat(64)}`;
  await assert.rejects(layers.apply(archive, { expectedDiffId: expected }), {
    code: 'layer.digest_mismatch',
    message: `layer verification failed for digest ${expected}, got ${digestOf(archive)}`,
  });
  assert.deepEqual(layers.leftovers(), []);
});

test('the same layer applied several times at once must be kept once', async () => {
  using layers = testStore();
  const applied = await Promise.all(Array.from({ length: 6 }, () => layers.apply(archive)));
  assert.equal(applied.filter(({ created }) => created).length, 1);
  assert.equal(new Set(applied.map(({ chainId }) => chainId)).size, 1);
  assert.equal(layers.leftovers().length, 3);
});

test('different layers applied at once must not disturb each other', async () => {
  using layers = testStore();
  const archives = Array.from({ length: 8 }, (_, index) => archiveOf(...Array.from({ length: 50 }, (__, file) => ({ name: `d${index}/f${file}`, body: `${index} ${file}`.repeat(1000) }))));
  const applied = await Promise.all(archives.map((each) => layers.apply(each)));
  for (const [index, layer] of applied.entries()) {
    assert.deepEqual(readdirSync(layers.tree(layer.chainId)), [`d${index}`]);
    assert.deepEqual(await layers.archive(layer.chainId), archives[index]);
  }
});

test('a store opened again must know its layers', async () => {
  using layers = testStore();
  const base = await layers.apply(archiveOf({ name: 'a', body: 'x' }));
  const top = await layers.apply(archive, { parent: base.chainId });
  const again = createLayerStore({ dataRoot: layers.path });
  await again.repair();
  assert.deepEqual(again.list().toSorted(byChain), layers.store.list().toSorted(byChain));
  assert.deepEqual(await buffer(await again.tarStream(top.chainId, { signal })), archive);
});

function byChain(a: { chainId: string }, b: { chainId: string }): number {
  return a.chainId < b.chainId ? -1 : 1;
}

test('a layer with another on it must not be removed, one without must go without trace', async () => {
  using layers = testStore();
  const base = await layers.apply(archive);
  const top = await layers.apply(archive, { parent: base.chainId });
  await assert.rejects(layers.store.remove(base.chainId), { code: 'layer.has_child' });
  await layers.store.remove(top.chainId);
  await layers.store.remove(base.chainId);
  await layers.store.remove(base.chainId);
  assert.deepEqual(layers.store.list(), []);
  assert.deepEqual(layers.leftovers(), []);
  assert.throws(() => layers.store.directories(base.chainId), { code: 'layer.not_found' });
  await assert.rejects(layers.store.tarStream(base.chainId, { signal }), { code: 'layer.not_found' });
  await assert.rejects(layers.apply(archive, { parent: base.chainId }), { code: 'layer.not_found' });
});

test('a layer that is being read or built upon must not be removed', async () => {
  using layers = testStore();
  const base = await layers.apply(archiveOf({ name: 'big', body: Buffer.alloc(20_000_000, 'x') }));
  const reading = await layers.store.tarStream(base.chainId, { signal });
  await once(reading, 'readable');
  await assert.rejects(layers.store.remove(base.chainId), { code: 'layer.in_use' });
  reading.destroy();
  await once(reading, 'close');
  const slow = new PassThrough();
  const building = layers.apply(slow, { parent: base.chainId });
  slow.write(archive.subarray(0, 100));
  await delay(1);
  await assert.rejects(layers.store.remove(base.chainId), { code: 'layer.in_use' });
  slow.end(archive.subarray(100));
  assert.equal((await building).parent, base.chainId);
});

test('a damaged layer must fail at the end of its stream', async () => {
  using layers = testStore();
  const layer = await layers.apply(archive);
  const file = `${layers.tree(layer.chainId)}/d/f`;
  const refused = async (message: RegExp): Promise<void> => {
    await assert.rejects(layers.archive(layer.chainId), (error) => {
      assert.ok(isFailure(error, 'layer.invalid_archive'), messageOf(error));
      assert.match(error.message, message);
      return true;
    });
  };
  writeFileSync(file, 'CONTENTS');
  await refused(/is damaged: its contents now have digest/);
  truncateSync(file, 3);
  await refused(/is damaged: file d\/f is shorter than it was/);
  renameSync(file, `${file}.gone`);
  await refused(/is damaged: file d\/f is missing/);
});

test('a stream that its reader drops or a signal ends must stop the work', async () => {
  using layers = testStore();
  const layer = await layers.apply(archiveOf({ name: 'big', body: Buffer.alloc(30_000_000, 'x') }));
  const dropped = await layers.store.tarStream(layer.chainId, { signal });
  await once(dropped, 'readable');
  dropped.destroy();
  await once(dropped, 'close');
  const abort = new AbortController();
  const aborted = await layers.store.tarStream(layer.chainId, { signal: abort.signal });
  await once(aborted, 'readable');
  abort.abort();
  await assert.rejects(buffer(aborted), { name: 'AbortError' });
  // Nothing holds the layer any more.
  await until(() => {
    void layers.store.remove(layer.chainId).catch(() => undefined);
    return layers.store.get(layer.chainId) === undefined;
  });
});

test('an abort must stop unpacking with its reason and leave nothing', async () => {
  using layers = testStore();
  const abort = new AbortController();
  const stalled = new PassThrough();
  const applying = layers.apply(stalled, { signal: abort.signal });
  stalled.write(archive.subarray(0, 600));
  await until(() => existsSync(`${layers.path}/overlay2/.unpacking`) && readdirSync(`${layers.path}/overlay2/.unpacking`).length === 1);
  const reason = new Error('the client went away');
  abort.abort(reason);
  await assert.rejects(applying, (error) => error === reason);
  assert.equal(stalled.destroyed, true);
  assert.deepEqual(layers.leftovers(), []);
  await assert.rejects(layers.apply(archive, { signal: abort.signal }), (error) => error === reason);
});

test('a failing source must fail with its own error and leave nothing', async () => {
  using layers = testStore();
  const reason = new Error('the connection broke');
  const source = async function* (): AsyncGenerator<Buffer> {
    yield archive.subarray(0, 700);
    throw reason;
  };
  await assert.rejects(layers.apply(Readable.from(source(), { objectMode: false })), (error) => error === reason);
  assert.deepEqual(layers.leftovers(), []);
});

test('a full disk must be told with the file, and everything taken back', async () => {
  using directory = temporaryDirectory();
  const dataRoot = `${directory.path}/small`;
  mkdirSync(dataRoot);
  mount({ source: 'tmpfs', target: dataRoot, type: 'tmpfs', data: 'size=2m' });
  const store = createLayerStore({ dataRoot });
  const { apply, leftovers } = storeActions(store, dataRoot);
  const kept = await apply(archive);
  const before = leftovers();
  await assert.rejects(apply(archiveOf({ name: 'a/big', body: Buffer.alloc(3_000_000, 'x') })), { code: 'layer.disk_full', message: 'write /a/big: no space left on device' });
  assert.deepEqual(leftovers(), before);
  // The space is free again.
  await apply(archiveOf({ name: 'b/fits', body: Buffer.alloc(1_500_000, 'x') }), { parent: kept.chainId });
});

test('entries that come twice must end as the last says, and the archive still come out whole', async () => {
  using layers = testStore();
  const parts = archiveOf(
    { name: 'same', body: 'first' },
    { name: 'same', body: 'second' },
    { name: 'linked', body: 'under two names' },
    { name: 'other', type: '1', linkName: 'linked' },
    { name: 'linked', body: 'new' },
    { name: 'tree/', type: '5', mode: 0o755 },
    { name: 'tree/a/b', body: 'deep' },
    { name: 'tree/dangling', type: '2', linkName: 'x' },
    { name: 'tree', body: 'now a file' },
    { name: 'link', type: '2', linkName: 'somewhere' },
    { name: 'link/through', body: 'through the link' },
    { name: 'link', type: '5', mode: 0o700 },
    { name: 'link/inside', body: 'inside' },
    { name: 'file', body: 'a file first' },
    { name: 'file/', type: '5', mode: 0o711 },
    { name: 'twice/', type: '5', mode: 0o700 },
    { name: 'twice/kept', body: 'kept' },
    { name: 'twice/', type: '5', mode: 0o755 },
    { name: 'fifo', type: '6' },
    { name: 'fifo', body: 'no fifo' },
  );
  const layer = await layers.apply(parts);
  const tree = layers.tree(layer.chainId);
  assert.equal(readFileSync(`${tree}/same`, 'utf8'), 'second');
  assert.equal(readFileSync(`${tree}/linked`, 'utf8'), 'new');
  assert.equal(readFileSync(`${tree}/other`, 'utf8'), 'under two names');
  assert.equal(readFileSync(`${tree}/tree`, 'utf8'), 'now a file');
  assert.equal(readFileSync(`${tree}/somewhere/through`, 'utf8'), 'through the link');
  assert.equal(readFileSync(`${tree}/link/inside`, 'utf8'), 'inside');
  assert.equal(statSync(`${tree}/file`).mode, 0o040711);
  assert.equal(statSync(`${tree}/twice`).mode, 0o040755);
  assert.equal(readFileSync(`${tree}/twice/kept`, 'utf8'), 'kept');
  assert.equal(readFileSync(`${tree}/fifo`, 'utf8'), 'no fifo');
  assert.deepEqual(await layers.archive(layer.chainId), parts);
  const lengths = ['second', 'new', 'under two names', 'now a file', 'through the link', 'inside', 'kept', 'no fifo'].map((text) => text.length);
  assert.equal(layer.size, lengths.reduce((sum, length) => sum + length, 0));
});

test('whiteouts must become what overlay has for them', async () => {
  using layers = testStore();
  const layer = await layers.apply(archiveOf({ name: 'd/.wh.gone', uid: 7, gid: 8 }, { name: 'e/', type: '5' }, { name: 'e/.wh..wh..opq' }, { name: '.wh.top' }));
  const tree = layers.tree(layer.chainId);
  for (const name of ['d/gone', 'top']) {
    const status = lstatSync(`${tree}/${name}`);
    assert.ok(status.isCharacterDevice() && status.rdev === 0);
  }
  assert.equal(lstatSync(`${tree}/d/gone`).uid, 7);
  assert.deepEqual(attributesOf(`${tree}/e`), { 'trusted.overlay.opaque': '79' });
  assert.deepEqual(readdirSync(`${tree}/e`), []);
  const [directory] = layers.store.directories(layer.chainId);
  assert.deepEqual([directory?.whiteouts, directory?.opaque], [['d/gone', 'top'], ['e']]);
});

test('times out of the range that Docker sets must become 1970, others be exact', async () => {
  using layers = testStore();
  const layer = await layers.apply(
    archiveOf(
      { name: 'before', before: paxBlocks({ mtime: '-3.5' }) },
      { name: 'after', before: paxBlocks({ mtime: '9300000000' }) },
      { name: 'exact', before: paxBlocks({ mtime: '1700000000.123456789', atime: '1800000000.000000001' }) },
      { name: 'dir/', type: '5', before: paxBlocks({ mtime: '1600000000.5' }) },
      { name: 'dir/f', body: 'x' },
    ),
  );
  const time = (name: string): bigint => lstatSync(`${layers.tree(layer.chainId)}/${name}`, { bigint: true }).mtimeNs;
  assert.deepEqual([time('before'), time('after'), time('exact'), time('dir')], [0n, 0n, 1_700_000_000_123_456_789n, 1_600_000_000_500_000_000n]);
  assert.equal(lstatSync(`${layers.tree(layer.chainId)}/exact`, { bigint: true }).atimeNs, 1_800_000_000_000_000_001n);
});

test('setuid must survive the change of owner, and the group of a setgid directory not be inherited', async () => {
  using layers = testStore();
  const layer = await layers.apply(
    archiveOf({ name: 'su', body: 'x', mode: 0o4755, uid: 99, gid: 98 }, { name: 'd/', type: '5', mode: 0o2775, gid: 50 }, { name: 'd/f', body: 'x', gid: 0 }, { name: 'd/e/', type: '5', gid: 0, mode: 0o755 }),
  );
  const status = (name: string): string => {
    const { mode, uid, gid } = lstatSync(`${layers.tree(layer.chainId)}/${name}`);
    return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
  };
  assert.deepEqual(['su', 'd', 'd/f', 'd/e'].map(status), ['4755 99:98', '2775 0:50', '644 0:0', '755 0:0']);
});

test('owners beyond 32 bits must become what the kernel makes of them', async () => {
  using layers = testStore();
  const owned = (name: string, uid: string, gid: string) => ({ name, body: 'x', before: paxBlocks({ uid, gid }) });
  const archive = archiveOf(owned('large', String(2 ** 32 + 5), String(2 ** 33 + 7)), owned('none', String(2 ** 32 - 1), '-1'), owned('last', String(2 ** 32 - 2), '9'));
  const layer = await layers.apply(archive);
  const owners = ['large', 'none', 'last'].map((name) => lstatSync(`${layers.tree(layer.chainId)}/${name}`)).map(({ uid, gid }) => [uid, gid]);
  assert.deepEqual(owners, [[5, 7], [0, 0], [2 ** 32 - 2, 9]]);
  assert.deepEqual(await layers.archive(layer.chainId), archive);
});

test('missing parents must be made as Docker makes them', async () => {
  using layers = testStore();
  const mask = process.umask(0o077);
  try {
    const layer = await layers.apply(archiveOf({ name: 'a/b/f', body: 'x', mode: 0o666 }));
    assert.equal(lstatSync(`${layers.tree(layer.chainId)}/a/b`).mode, 0o040755);
    assert.equal(lstatSync(`${layers.tree(layer.chainId)}/a/b/f`).mode & 0o777, 0o666);
  } finally {
    process.umask(mask);
  }
});

test('more layers than can be mounted must be refused with the words of Docker', async () => {
  using layers = testStore();
  let parent: string | undefined;
  for (let depth = 0; depth < 127; depth++) {
    const options: { parent?: string } = parent === undefined ? {} : { parent };
    parent = (await layers.apply(archiveOf({ name: `layer${depth}`, body: 'x' }), options)).chainId;
  }
  await assert.rejects(layers.apply(archive, parent === undefined ? {} : { parent }), { code: 'layer.too_deep', message: 'max depth exceeded' });
});

test('what a killed process left must be removed by repair, and nothing else', async (t) => {
  using layers = testStore();
  const kept = await layers.apply(archive);
  const before = layers.leftovers();
  const program = `
    import { createLayerStore } from ${JSON.stringify(new URL('../../src/image/layer/layer-store.ts', import.meta.url).href)};
    const store = createLayerStore({ dataRoot: ${JSON.stringify(layers.path)} });
    await store.apply(undefined, process.stdin, { signal: new AbortController().signal });
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['pipe', 'inherit', 'inherit'], cwd: new URL('../..', import.meta.url) });
  t.after(() => child.kill('SIGKILL'));
  child.stdin.write(archiveOf(...Array.from({ length: 100 }, (_, index) => ({ name: `d/f${index}`, body: 'x'.repeat(5000) }))).subarray(0, 300_000));
  const unpacking = `${layers.path}/overlay2/.unpacking`;
  await until(() => existsSync(unpacking) && readdirSync(unpacking).some((name) => existsSync(`${unpacking}/${name}/diff/d/f40`)));
  child.kill('SIGKILL');
  await once(child, 'exit');
  // As after a crash between the last two renames, and while deleting.
  const orphan = `${layers.path}/overlay2/${'ab'.repeat(32)}`;
  mkdirSync(`${orphan}/diff`, { recursive: true });
  writeFileSync(`${orphan}/committed`, '');
  mkdirSync(`${layers.path}/overlay2/.removing/${'cd'.repeat(32)}/d`, { recursive: true });
  linkSync(`${layers.tree(kept.chainId)}/d/f`, `${layers.path}/overlay2/.removing/${'cd'.repeat(32)}/d/f`);
  assert.notDeepEqual(layers.leftovers(), before);
  const store = createLayerStore({ dataRoot: layers.path });
  await store.repair();
  assert.deepEqual(layers.leftovers().sort(), before.sort());
  assert.deepEqual(store.list().map(({ chainId }) => chainId), [kept.chainId]);
  assert.deepEqual(await layers.archive(kept.chainId), archive);
});

test('a damaged record must be told with its path', async () => {
  using layers = testStore();
  const layer = await layers.apply(archive);
  const path = `${layers.path}/image/overlay2/layerdb/sha256/${layer.chainId.slice(7)}/layer.json`;
  appendFileSync(path, 'x');
  assert.throws(() => createLayerStore({ dataRoot: layers.path }), (error) => isFailure(error, 'store.damaged') && error.message.includes(path));
});
