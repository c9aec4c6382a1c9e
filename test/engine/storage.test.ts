/** Every file below the data root has an owner, whatever was done and however it ended. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';
import { imageOf, layerOf } from '../images/image-fixture.ts';
import { startRegistry } from '../images/registry-fixture.ts';
import { assertOwned } from './storage-ownership.ts';

async function read(messages: AsyncIterable<{ error?: string }>): Promise<void> {
  for await (const { error } of messages) if (error !== undefined) throw new Error(error);
}

test('after any sequence of pulls, commits, removals, prunes and crashes every file must have an owner', async (t) => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const registry = await startRegistry(t);
  registry.push('me/app:v1', imageOf([await layerOf({ a: 'a'.repeat(100_000) }), await layerOf({ b: 'b'.repeat(100_000) })]));
  const name = `${registry.host}/me/app:v1`;
  await assertOwned(daemon, 'at the start');
  await read(await client.images.pull({ image: `${registry.host}/me/app`, tag: 'v1' }));
  const pulled = await assertOwned(daemon, 'after a pull');
  assert.equal(pulled.Usage.find(({ Kind }) => Kind === 'content')?.Objects, 4, 'manifest, configuration and two layers');
  const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', 'echo said; echo x > /file; sleep 3600'], HostConfig: { Binds: ['kept:/kept'] } } as never, { name: 'one' });
  await client.containers.start(Id);
  const UpperDir = (await client.containers.inspect(Id)).GraphDriver.Data?.['UpperDir'] ?? '';
  await eventually('it has written', () => existsSync(join(UpperDir, 'file')));
  const running = await assertOwned(daemon, 'with a running container');
  for (const kind of ['container', 'container log', 'volume', 'layer', 'layer metadata', 'image configuration', 'database']) assert.ok(running.Usage.some(({ Kind }) => Kind === kind), kind);
  await client.images.tag(name, 'other', 'v2');
  await client.images.remove(name, {});
  await assertOwned(daemon, 'after an untagging');
  await daemon.kill();
  await daemon.launch();
  await assertOwned(daemon, 'after a crash');
  await client.containers.remove(Id, { force: true });
  await client.images.remove('other:v2', {});
  await client.volumes.remove('kept');
  await client.images.prune({ dangling: ['false'] });
  const end = await assertOwned(daemon, 'after everything went');
  assert.deepEqual(end.Usage.filter(({ Kind }) => ['content', 'volume', 'container log', 'image configuration', 'unfinished transfer'].includes(Kind)), []);
});

test('what has no owner and what is damaged must be named, and what waits must not be called either', async (t) => {
  await using daemon = await TestDaemon.start();
  const { client, dataRoot } = daemon;
  const registry = await startRegistry(t);
  const made = imageOf([await layerOf({ a: 'a'.repeat(100_000) })]);
  registry.push('me/app:v1', made);
  await read(await client.images.pull({ image: `${registry.host}/me/app`, tag: 'v1' }));
  mkdirSync(join(dataRoot, 'containers/stranger'));
  for (const directory of ['builds/build-stranger', 'builds/contexts/stranger', 'build-history/stranger', 'build-caches/stranger']) mkdirSync(join(dataRoot, directory));
  writeFileSync(join(dataRoot, 'containers/stranger/file'), 'x');
  writeFileSync(join(dataRoot, 'overlay2/stray'), 'x');
  const partial = `sha256.${'a'.repeat(64)}`;
  writeFileSync(join(dataRoot, 'content/ingest', partial), 'part');
  const [blob] = [...registry.blobs.keys()].filter((digest) => digest !== made.id);
  assert.ok(blob !== undefined);
  truncateSync(join(dataRoot, 'content/blobs', blob.replace(':', '/')), 10);
  const shallow = await client.system.checkStorage({ deep: false });
  assert.deepEqual(shallow.Orphans.map(({ Path }) => Path).sort(), ['build-caches/stranger', 'build-history/stranger', 'builds/build-stranger', 'builds/contexts/stranger', 'containers/stranger', 'overlay2/stray']);
  assert.deepEqual([shallow.Damaged, shallow.Unfinished.map(({ Digest, Bytes, Complete }) => [Digest, Bytes, Complete])], [[], [[partial.replace('.', ':'), 4, false]]]);
  const deep = await client.system.checkStorage({ deep: true });
  assert.deepEqual(deep.Damaged.map(({ Kind, Id }) => [Kind, Id]), [['blob', blob]]);
  await client.images.prune({});
  assert.deepEqual(readdirSync(join(dataRoot, 'content/ingest')), []);
});
