import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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
  assert.ok(Date.now() - Date.parse(inspected.Created ?? '') < 60_000);
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

test('an archive behind an address must be imported, redirected and compressed too, with what it is told by', async (t) => {
  const stores = await openStores(t);
  const archive = gzipSync(await layerOf({ 'bin/x': 'program' }));
  await using server = createServer((request, response) => {
    if (request.url === '/moved') response.writeHead(302, { location: '/root.tgz' }).end();
    else if (request.url === '/broken') response.writeHead(500).end('out of order');
    else if (request.url === '/root.tgz') response.writeHead(200, { 'content-length': archive.length }).end(archive);
    else if (request.url === '/cut') response.writeHead(200).end(archive.subarray(0, archive.length - 9));
    else response.writeHead(404).end('no such file\n');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const from = async (source: string): Promise<object[]> =>
    await messagesOf(stores.store.import(Readable.from([]), { message: '', changes: [], source, repository: 'got', tag: 'it', signal: never }));
  for (const [source, told] of [[`http://${host}/root.tgz`, `http://${host}/root.tgz`], [`${host}/moved`, `http://${host}/moved`]] as const) {
    const messages = await from(source);
    assert.deepEqual(messages.slice(0, -2), [{ status: `Downloading from ${told}` }]);
    assert.partialDeepStrictEqual(messages.at(-2), { status: 'Importing', progressDetail: { current: archive.length, total: archive.length } });
    const inspected = await stores.store.inspect('got:it');
    assert.deepEqual([inspected.Size, inspected.Comment], [7, `Imported from ${source}`]);
    await stores.store.remove('got:it', { force: false, prune: true, users: () => [] });
  }
  await assert.rejects(from(`${host}/none`), { code: 'image.download_not_found', message: `failed to GET http://${host}/none with status 404 Not Found: no such file` });
  await assert.rejects(from(`${host}/broken`), { code: 'image.download_refused', message: `failed to GET http://${host}/broken with status 500 Internal Server Error: out of order` });
  await assert.rejects(from(`${host}/cut`), { code: 'layer.invalid_archive', message: 'unexpected EOF' });
  await assert.rejects(from('localhost:1'), { message: 'Get "http://localhost:1": dial tcp 127.0.0.1:1: connect: connection refused' });
  await assert.rejects(from('ftp://x/y'), { message: 'Get "ftp://x/y": unsupported protocol scheme "ftp"' });
  await assertNothingStays(stores);
});
