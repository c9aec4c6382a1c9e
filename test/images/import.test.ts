import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import { assertNothingStays, chunked, filesIn, layerOf, messagesOf, never, openStores, type Stores } from './image-fixture.ts';

type ImportOptions = Parameters<Stores['store']['import']>[1];

async function importInto({ store }: Stores, archive: Buffer | Readable, options: Partial<ImportOptions> = {}): Promise<string> {
  const source = Buffer.isBuffer(archive) ? Readable.from(chunked(archive)) : archive;
  const messages = await messagesOf(store.import(source, { message: '', changes: [], source: '-', signal: never, ...options }));
  assert.equal(messages.length, 1);
  return messages[0]?.status ?? '';
}

test('an imported root file system must become an image of one layer with the configuration asked for', async (t) => {
  const stores = await openStores(t, { engineVersion: '28.5.2+test' });
  const archive = await layerOf({ 'bin/x': 'program' });
  const id = await importInto(stores, archive, { repository: 'me/app', tag: 'v1', changes: ['CMD ["/bin/x"]', 'ENV A=b C="d e"\nWORKDIR /srv', 'LABEL one=two'] });
  const inspected = await stores.store.inspect('me/app:v1');
  assert.equal(inspected.Id, id);
  assert.deepEqual(inspected.RootFS.Layers, [`sha256:${createHash('sha256').update(archive).digest('hex')}`]);
  assert.deepEqual([inspected.Comment, inspected.DockerVersion, inspected.Os, inspected.Size], ['Imported from -', '28.5.2+test', 'linux', 7]);
  assert.deepEqual(inspected.Config, { Cmd: ['/bin/x'], Entrypoint: null, Env: ['A=b', 'C=d e'], Labels: { one: 'two' }, OnBuild: null, User: '', Volumes: null, WorkingDir: '/srv' });
  assert.ok(Date.now() - Date.parse(inspected.Created) < 60_000);
  assert.notEqual(inspected.Metadata.LastTagTime, '0001-01-01T00:00:00Z');
  assert.deepEqual(stores.events.map(({ action, attributes }) => [action, attributes]), [
    ['tag', { one: 'two', name: 'me/app:v1' }],
    ['import', { one: 'two', name: id }],
  ]);
  const files = await filesIn(await stores.store.save(['me/app:v1'], { signal: never }));
  const configuration = files.get(`blobs/sha256/${id.slice(7)}`);
  assert.deepEqual(Object.keys(JSON.parse(String(configuration))), ['architecture', 'comment', 'config', 'container_config', 'created', 'docker_version', 'history', 'os', 'rootfs']);
});

test('archives of every compression must give the same layer', async (t) => {
  const stores = await openStores(t);
  const archive = await layerOf({ a: 'contents '.repeat(5000) });
  const expected = [`sha256:${createHash('sha256').update(archive).digest('hex')}`];
  const compressed = [gzipSync(archive), ...['bzip2', 'xz', 'zstd'].flatMap((program) => {
    const { status, stdout } = spawnSync(program, ['-c'], { input: archive });
    return status === 0 ? [stdout] : [];
  })];
  assert.ok(compressed.length >= 2);
  for (const bytes of [archive, ...compressed]) assert.deepEqual((await stores.store.inspect(await importInto(stores, bytes))).RootFS.Layers, expected);
  assert.equal(stores.layers.list().length, 1);
});

test('message and platform must be taken over', async (t) => {
  const stores = await openStores(t);
  const id = await importInto(stores, await layerOf({ a: 'a' }), { message: 'made by hand', platform: 'linux/arm64' });
  const { Comment, Architecture, RepoTags } = await stores.store.inspect(id);
  assert.deepEqual([Comment, Architecture, RepoTags], ['made by hand', 'arm64', []]);
  assert.equal((await stores.store.history(id))[0]?.Comment, 'made by hand');
});

test('wrong requests must be refused before the archive is read', async (t) => {
  const stores = await openStores(t);
  const unreadable = (): Readable => new Readable({ read: () => assert.fail('the archive must not be read') });
  const refuse = async (options: Partial<ImportOptions>, expected: object): Promise<void> => await assert.rejects(importInto(stores, unreadable(), options), expected);
  await refuse({ repository: 'Bad' }, { message: 'invalid reference format: repository name (library/Bad) must be lowercase' });
  await refuse({ repository: 'a', tag: 'b/c' }, { message: 'invalid tag format' });
  await refuse({ repository: `a@sha256:${'0'.repeat(64)}` }, { message: 'cannot import digest reference' });
  await refuse({ platform: 'windows/amd64' }, { message: 'operating system is not supported' });
  await refuse({ platform: 'a/b/c/d' }, { message: '"a/b/c/d": cannot parse platform specifier: invalid argument' });
  await refuse({ changes: ['RUN x'] }, { message: 'RUN is not a valid change command' });
  await assertNothingStays(stores);
});

test('an archive that is cut short, no tar, or aborted must leave nothing', async (t) => {
  const stores = await openStores(t);
  const archive = await layerOf({ a: 'a'.repeat(100_000) });
  await assert.rejects(importInto(stores, archive.subarray(0, 50_000), { repository: 'x' }), { message: 'unexpected EOF' });
  await assert.rejects(importInto(stores, Buffer.from('garbage'), { repository: 'x' }), { message: 'unexpected EOF' });
  await assert.rejects(importInto(stores, gzipSync(archive).subarray(0, 60)), { message: 'unexpected EOF' });
  const abort = new AbortController();
  const stalled = new Readable({ read() {} });
  stalled.push(archive.subarray(0, 20_000));
  setImmediate(() => abort.abort(new Error('enough')));
  await assert.rejects(importInto(stores, stalled, { signal: abort.signal }), { message: 'enough' });
  await assertNothingStays(stores);
});

test('an empty archive must become an image with an empty layer', async (t) => {
  const stores = await openStores(t);
  const id = await importInto(stores, Buffer.alloc(0));
  assert.equal((await stores.store.inspect(id)).Size, 0);
  assert.ok((await buffer(await stores.store.save([id], { signal: never }))).length > 0);
});
