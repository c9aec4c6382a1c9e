import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test, { type TestContext } from 'node:test';
import { lazyUnmount, mountFilesystem } from '#test/images/small-disk.ts';
import { assertNothingStays, chunked, dockerArchive, imageOf, layerOf, load, messagesOf, never, openAgain, openStores, tarOf, type Stores } from './image-fixture.ts';
import { noise } from './registry-fixture.ts';

/** Puts a disk of `size` bytes over a directory. */
function smallDisk(t: TestContext, directory: string, size: number): () => void {
  mountFilesystem(directory, size);
  let mounted = true;
  const unmount = (): void => {
    if (mounted) lazyUnmount(directory);
    mounted = false;
  };
  t.after(unmount);
  return unmount;
}

test('a disk that fills up while an archive is spooled must be told and leave nothing', async (t) => {
  const stores = await openStores(t);
  const image = dockerArchive([{ image: imageOf([await layerOf({ a: 'a' })]), tags: ['a:1'] }]);
  const archive: typeof image = [...image, { header: { name: 'notes', type: 'file' }, body: Buffer.from(noise('a', 400_000)) }];
  const unmount = smallDisk(t, join(stores.dataRoot, 'tmp'), 128 * 1024);
  await assert.rejects(load(stores, archive), { code: 'image.disk_full', message: /^write .*: no space left on device$/ });
  assert.deepEqual(readdirSync(join(stores.dataRoot, 'tmp')), []);
  unmount();
  await assertNothingStays(stores);
});

test('a disk that is full when the configuration is written must be told and leave nothing, layers included', async (t) => {
  const stores = await openStores(t);
  const directory = join(stores.dataRoot, 'image/overlay2/imagedb/content/sha256');
  const unmount = smallDisk(t, directory, 64 * 1024);
  assert.throws(() => writeFileSync(join(directory, 'filler'), Buffer.alloc(1024 * 1024)), { code: 'ENOSPC' });
  const archive = await layerOf({ a: 'a' });
  await assert.rejects(messagesOf(stores.store.import(Readable.from([archive]), { message: '', changes: [], source: '-', signal: never })), { code: 'image.disk_full' });
  await assert.rejects(load(stores, dockerArchive([{ image: imageOf([archive]), tags: ['a:1'] }])), { code: 'image.disk_full' });
  assert.deepEqual(readdirSync(directory), ['filler']);
  assert.deepEqual(stores.layers.list(), []);
  unmount();
  await assertNothingStays(stores);
});

/** Every image whole, every layer of some image, no temporary file. */
async function assertConsistent(stores: Stores): Promise<void> {
  const images = await stores.store.list({ all: true, filters: {}, sharedSize: false });
  const used = new Set<string>();
  for (const { Id } of images) {
    const { layers, topLayer } = stores.store.resolve(Id);
    for (let chainId = topLayer; chainId !== undefined; chainId = stores.layers.get(chainId)?.parent) used.add(chainId);
    assert.ok(layers.length > 0);
    // Reading verifies every layer.
    for await (const _chunk of await stores.store.save([Id], { signal: never }));
  }
  assert.deepEqual(stores.layers.list().map(({ chainId }) => chainId).sort(), [...used].sort());
  assert.deepEqual(readdirSync(join(stores.dataRoot, 'tmp')), []);
  assert.deepEqual(readdirSync(join(stores.dataRoot, 'image/overlay2/imagedb/content/sha256')).sort(), images.map(({ Id }) => Id.slice(7)).sort());
}

test('an engine killed at any moment of loading and removing must leave whole images only', async (t) => {
  const dataRoot = mkdtempSync(join(tmpdir(), 'dhow-images-'));
  t.after(() => rmSync(dataRoot, { recursive: true, force: true }));
  const shared = await layerOf({ shared: noise('shared', 50_000) });
  const images = await Promise.all(Array.from({ length: 3 }, async (_unused, index) => imageOf([shared, await layerOf(Object.fromEntries(Array.from({ length: 40 }, (_item, file) => [`d${index}/f${file}`, noise(`${index} ${file}`, 2000)])))])));
  const archive = join(dataRoot, 'archive.tar');
  writeFileSync(archive, await tarOf(dockerArchive(images.map((image, index) => ({ image, tags: [`app:${index}`] })))));
  const worker = fileURLToPath(new URL('load-forever.ts', import.meta.url));
  for (let round = 0; round < 6; round++) {
    const child = spawn(process.execPath, [worker, dataRoot, archive], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    const gone = once(child, 'exit');
    // It says a word whenever a load or a removal begins.
    const enough = randomInt(1, 6);
    const heard = Promise.withResolvers<void>();
    let words = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      words += chunk.length;
      if (words >= enough) heard.resolve();
    });
    await Promise.race([heard.promise, gone.then(() => assert.fail('the engine ended by itself'))]);
    // Any moment of the step is as good as another.
    await delay(randomInt(0, 60));
    child.kill('SIGKILL');
    await gone;
    const stores = await openAgain(t, dataRoot);
    await assertConsistent(stores);
    stores.close();
  }
  const stores = await openAgain(t, dataRoot);
  await messagesOf(stores.store.load(Readable.from(chunked(await tarOf(dockerArchive(images.map((image, index) => ({ image, tags: [`app:${index}`] })))))), { quiet: true, signal: never }));
  assert.deepEqual(images.map(({ id }) => id), ['app:0', 'app:1', 'app:2'].map((name) => stores.store.resolve(name).id));
  await assertConsistent(stores);
});
