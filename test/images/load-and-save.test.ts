import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import test, { type TestContext } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { fail, isFailure } from '#base/errors/failure.ts';
import type { LayerStore } from '#image/layer/contract.ts';
import type { TarMember } from '#oci/tar/write-tar.ts';
import { assertNothingStays, blob, chunked, digestOf, dockerArchive, filesIn, imageOf, json, layerOf, load, messagesOf, never, openStores, tarOf, type MadeImage, type Stores } from './image-fixture.ts';

async function twoLayers(): Promise<MadeImage> {
  return imageOf([await layerOf({ 'etc/a': 'one' }), await layerOf({ 'etc/b': 'two!' })]);
}

test('a docker-archive must be loaded whatever the order of its members, keeping the image id', async (t) => {
  const stores = await openStores(t);
  const image = await twoLayers();
  const members = dockerArchive([{ image, tags: ['app:v1', 'app:v2'] }]);
  for (const order of [members, members.toReversed()]) {
    assert.deepEqual(await load(stores, order), ['Loaded image: app:v1\n', 'Loaded image: app:v2\n']);
    assert.equal(stores.store.resolve('app:v1').id, image.id);
    assert.deepEqual(stores.store.resolve('app:v1').layers, image.diffIds);
    await stores.store.remove(image.id, { force: true, prune: true, users: () => [] });
    await assertNothingStays(stores);
  }
  assert.deepEqual(stores.events.map(({ action }) => action), ['load', 'untag', 'untag', 'delete', 'load', 'untag', 'untag', 'delete']);
});

test('a compressed archive must be loaded like a plain one', async (t) => {
  const stores = await openStores(t);
  const image = await twoLayers();
  const archive = await tarOf(dockerArchive([{ image, tags: ['app:v1'] }]));
  for (const compressed of [gzipSync(archive), zstdCompressSync(archive)]) {
    assert.deepEqual(await load(stores, compressed), ['Loaded image: app:v1\n']);
    assert.equal(stores.store.resolve('app:v1').id, image.id);
    await stores.store.remove('app:v1', { force: false, prune: true, users: () => [] });
  }
});

test('progress of layers must be told with their short digest unless it is not wanted', async (t) => {
  const stores = await openStores(t);
  const image = await twoLayers();
  const archive = await tarOf(dockerArchive([{ image, tags: ['app:v1'] }]));
  const messages = await messagesOf(stores.store.load(Readable.from(chunked(archive)), { quiet: false, signal: never }));
  const [first] = image.diffIds;
  const total = image.layers[0]?.length ?? 0;
  const progress = messages.filter(({ id }) => id === first?.slice(7, 19)).at(-1);
  assert.equal(progress?.status, 'Loading layer');
  assert.deepEqual(progress.progressDetail, { current: total, total });
  assert.match(progress.progress ?? '', /^\[=+>\] /);
  assert.deepEqual(messages.at(-1), { stream: 'Loaded image: app:v1\n' });
});

test('an image without a name must be announced by its id, and stay without one', async (t) => {
  const stores = await openStores(t);
  const image = await twoLayers();
  assert.deepEqual(await load(stores, dockerArchive([{ image, tags: [] }])), [`Loaded image ID: ${image.id}\n`]);
  assert.deepEqual(stores.store.namesOf(image.id), { tags: [], digests: [] });
});

test('a name that stood for another image must move, and the move be told', async (t) => {
  const stores = await openStores(t);
  const [old, fresh] = [await twoLayers(), imageOf([await layerOf({ c: 'three' })])];
  await load(stores, dockerArchive([{ image: old, tags: ['app:v1'] }]));
  assert.deepEqual(await load(stores, dockerArchive([{ image: fresh, tags: ['app:v1'] }])), [
    `The image app:v1 already exists, renaming the old one with ID ${old.id} to empty string\n`,
    'Loaded image: app:v1\n',
  ]);
  assert.equal(stores.store.resolve('app:v1').id, fresh.id);
  assert.deepEqual(stores.store.namesOf(old.id).tags, []);
});

test('an OCI layout without manifest.json must be loaded with compressed layers, for this platform, under its names', async (t) => {
  const stores = await openStores(t);
  const image = await twoLayers();
  const layers = image.layers.map((layer) => gzipSync(layer));
  const descriptor = (bytes: Buffer, mediaType: string, more: object = {}): object => ({ mediaType, digest: digestOf(bytes), size: bytes.length, ...more });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      config: descriptor(image.configuration, 'application/vnd.oci.image.config.v1+json'),
      layers: layers.map((layer) => descriptor(layer, 'application/vnd.oci.image.layer.v1.tar+gzip')),
    }),
  );
  const type = 'application/vnd.oci.image.manifest.v1+json';
  const foreign = { mediaType: type, digest: digestOf('elsewhere'), size: 9, platform: { os: 'linux', architecture: 's390x' } };
  const own = descriptor(manifest, type, { platform: { os: 'linux', architecture: 'amd64' } });
  const nested = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [foreign, own] }));
  const named = (name: string): object => descriptor(nested, 'application/vnd.oci.image.index.v1+json', { annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': 'x' } });
  const index = json('index.json', { schemaVersion: 2, manifests: [named('docker.io/library/app:v1'), named('registry.example/app:v2')] });
  const messages = await load(stores, [index, json('oci-layout', { imageLayoutVersion: '1.0.0' }), ...[...layers, manifest, nested, image.configuration].map(blob)]);
  assert.deepEqual(messages, ['Loaded image: app:v1\n', 'Loaded image: registry.example/app:v2\n']);
  assert.equal(stores.store.resolve('registry.example/app:v2').id, image.id);
});

test('an archive of Docker before 1.10 must be loaded with its chain of layers', async (t) => {
  const stores = await openStores(t);
  const [lower, upper] = [await layerOf({ a: '1' }), await layerOf({ b: '2' })];
  const [parent, child] = ['a'.repeat(64), 'b'.repeat(64)];
  const file = (name: string, body: Buffer): TarMember => ({ header: { name, type: 'file' }, body });
  await load(stores, [
    json('repositories', { 'me/old': { v1: child } }),
    json(`${child}/json`, { id: child, parent, os: 'linux', architecture: 'amd64', created: '2014-01-01T00:00:00Z', container_config: { Cmd: ['/bin/sh', '-c', 'make'] }, config: { Cmd: ['run'] } }),
    file(`${child}/layer.tar`, upper),
    json(`${parent}/json`, { id: parent, os: 'linux', architecture: 'amd64', created: '2013-01-01T00:00:00Z' }),
    file(`${parent}/layer.tar`, lower),
  ]);
  const image = stores.store.resolve('me/old:v1');
  assert.deepEqual(image.layers, [digestOf(lower), digestOf(upper)]);
  assert.deepEqual(image.config.Cmd, ['run']);
  assert.deepEqual((await stores.store.history(image.id)).map(({ CreatedBy, Size }) => [CreatedBy, Size]), [['/bin/sh -c make', 1], ['', 1]]);
  assert.notEqual((await stores.store.inspect('me/old:v1')).Parent, '');
});

test('a wrong archive of Docker before 1.10 must be refused in its words and leave nothing', async (t) => {
  const stores = await openStores(t);
  const layer = await layerOf({ a: '1' });
  const directory = 'a'.repeat(64);
  const archive = (configuration: unknown, repositories: unknown = { 'me/old': { v1: directory } }): TarMember[] => [
    json('repositories', repositories),
    json(`${directory}/json`, configuration),
    { header: { name: `${directory}/layer.tar`, type: 'file' }, body: layer },
  ];
  const whole = { id: directory, os: 'linux', created: '2014-01-01T00:00:00Z' };
  const wrong = [
    [archive(5), 'json: cannot unmarshal number into Go value of type struct { OS string; Parent string }'],
    [archive({ ...whole, parent: 5 }), 'json: cannot unmarshal number into Go struct field .parent of type string'],
    [archive({ ...whole, config: 5 }), 'json: cannot unmarshal number into Go struct field V1Image.config of type container.Config'],
    [archive({ ...whole, created: 'x' }), 'parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"'],
    [archive({ ...whole, parent: directory }), `image ${directory} is its own ancestor`],
    [archive(whole, []), 'json: cannot unmarshal array into Go value of type map[string]map[string]string'],
    [archive(whole, { 'me/old': { v1: 5 } }), 'json: cannot unmarshal number into Go struct field .me~1old.v1 of type string'],
    [archive(whole, { 'me/old': { v1: null } }), 'invalid target ID: '],
  ] as const;
  for (const [members, message] of wrong) await refused(t, members, { message }, stores);
  await load(stores, archive(whole, { 'me/old': null }));
  assert.equal((await stores.store.list({ all: true, filters: {}, sharedSize: false })).length, 1);
});

test('layers given as links within the archive must be found', async (t) => {
  const stores = await openStores(t);
  const layer = await layerOf({ a: '1' });
  const image = imageOf([layer]);
  await load(stores, [
    { header: { name: 'config.json', type: 'file' }, body: image.configuration },
    { header: { name: 'one/', type: 'directory' } },
    { header: { name: 'one/layer.tar', type: 'symlink', linkName: '../two/layer.tar' } },
    { header: { name: 'two/layer.tar', type: 'file' }, body: layer },
    json('manifest.json', [{ Config: 'config.json', RepoTags: ['linked:1'], Layers: ['one/layer.tar'] }]),
  ]);
  assert.equal(stores.store.resolve('linked:1').id, image.id);
});

test('what is saved must be what was loaded, the same bytes every time, and loadable again', async (t) => {
  const stores = await openStores(t);
  const image = await twoLayers();
  const other = imageOf([image.layers[0] ?? Buffer.alloc(0)], { author: 'someone' });
  await load(stores, dockerArchive([{ image, tags: ['app:v1', 'registry.example/app:v2'] }, { image: other, tags: ['other:latest'] }]));
  const save = async (): Promise<Buffer> => await buffer(await stores.store.save(['app:v1', 'other', 'registry.example/app'], { signal: never }));
  const archive = await save();
  assert.ok(archive.equals(await save()));
  const files = await filesIn(Readable.from([archive]));
  assert.deepEqual([...files.keys()].filter((name) => !/^blobs\/sha256\/./.test(name)), ['blobs/', 'blobs/sha256/', 'index.json', 'manifest.json', 'oci-layout', 'repositories']);
  for (const bytes of [image.configuration, other.configuration, ...image.layers]) assert.ok(files.get(`blobs/sha256/${digestOf(bytes).slice(7)}`)?.equals(bytes));
  for (const [name, bytes] of files) if (/^blobs\/sha256\/./.test(name)) assert.equal(digestOf(bytes), `sha256:${name.slice(13)}`);
  assert.deepEqual(JSON.parse(String(files.get('repositories'))), {
    app: { v1: image.diffIds[1]?.slice(7) },
    other: { latest: image.diffIds[0]?.slice(7) },
    'registry.example/app': { v2: image.diffIds[1]?.slice(7) },
  });
  assert.deepEqual(JSON.parse(String(files.get('manifest.json'))).map((entry: { RepoTags: string[] }) => entry.RepoTags), [['app:v1', 'registry.example/app:v2'], ['other:latest']]);
  const second = await openStores(t);
  assert.deepEqual(await load(second, archive), ['Loaded image: app:v1\n', 'Loaded image: registry.example/app:v2\n', 'Loaded image: other:latest\n']);
  assert.equal(second.store.resolve('app:v1').id, image.id);
  const copy = await buffer(await second.store.save(['app:v1', 'other', 'registry.example/app'], { signal: never }));
  assert.ok(copy.equals(archive));
});

test('saving by id must leave the names out, and parents be linked where both are saved', async (t) => {
  const stores = await openStores(t);
  const base = imageOf([await layerOf({ a: '1' })]);
  const step = { created: '2024-05-06T07:08:09.5Z', created_by: 'step 0' };
  const child = imageOf([base.layers[0] ?? Buffer.alloc(0)], { history: [step, { created_by: 'ENV', empty_layer: true }] });
  await load(stores, dockerArchive([{ image: base, tags: ['base:1'] }, { image: child, tags: ['child:1'], parent: base.id }]));
  assert.equal((await stores.store.inspect('child:1')).Parent, base.id);
  assert.deepEqual((await stores.store.history('child:1')).map(({ Id }) => Id), [child.id, base.id]);
  const files = await filesIn(await stores.store.save([child.id.slice(7, 19), base.id], { signal: never }));
  assert.ok(!files.has('repositories'));
  const [first, second] = JSON.parse(String(files.get('manifest.json')));
  assert.deepEqual([first.RepoTags, first.Parent, second.Parent], [null, base.id, undefined]);
});

test('what cannot be saved must be told before the first byte, in the words of Docker', async (t) => {
  const stores = await openStores(t);
  const image = await twoLayers();
  await load(stores, dockerArchive([{ image, tags: ['app:v1'] }]));
  const save = async (name: string): Promise<unknown> => await stores.store.save([name], { signal: never });
  await assert.rejects(save('absent'), { code: 'image.not_found', message: 'No such image: absent' });
  await assert.rejects(save('app:v2'), { message: 'reference does not exist' });
  await assert.rejects(save(digestOf('x')), (error) => isFailure(error, 'image.no_configuration') && error.message.startsWith(`failed to get digest ${digestOf('x')}: open `));
  await assert.rejects(save('Bad'), { code: 'image.unreadable_reference', message: 'invalid reference format: repository name (library/Bad) must be lowercase' });
});

test('a reader of a saved archive that leaves must not keep layers from being removed', async (t) => {
  const stores = await openStores(t);
  const image = await twoLayers();
  await load(stores, dockerArchive([{ image, tags: ['app:v1'] }]));
  const unread = await stores.store.save(['app:v1'], { signal: never });
  await stores.store.remove('app:v1', { force: false, prune: true, users: () => [] });
  assert.equal(stores.layers.list().length, 2, 'layers being saved must stay');
  const closed = new Promise((resolve) => unread.once('close', resolve));
  unread.destroy();
  await closed;
  await assertNothingStays(stores);
});

/** Loads, which must fail, and checks that nothing stays. */
async function refused(t: TestContext, archive: Buffer | readonly TarMember[], expected: object | RegExp, stores?: Stores): Promise<void> {
  const used = stores ?? (await openStores(t));
  await assert.rejects(load(used, archive), expected);
  await assertNothingStays(used);
}

/** Docker names the file as it would lie in its directory of temporary files. */
const absent = (name: string): RegExp => new RegExp(`open /.*/tmp/docker-import-\\d+/${name}: no such file or directory$`);

test('damaged and malicious archives must be refused and leave nothing', async (t) => {
  const stores = await openStores(t);
  const image = await twoLayers();
  const whole = dockerArchive([{ image, tags: ['app:v1'] }]);
  const [firstLayer = Buffer.alloc(0), secondLayer = Buffer.alloc(0)] = image.layers;
  const manifest = (entry: object): TarMember => json('manifest.json', [{ Config: 'c', RepoTags: ['app:v1'], Layers: ['l1', 'l2'], ...entry }]);
  const file = (name: string, body: Buffer): TarMember => ({ header: { name, type: 'file' }, body });
  const rest = [file('c', image.configuration), file('l1', firstLayer), file('l2', secondLayer)];
  const bytes = await tarOf(whole);
  await refused(t, bytes.subarray(0, bytes.length - 1500), /unexpected EOF/, stores);
  await refused(t, gzipSync(bytes).subarray(0, 400), /unexpected EOF/, stores);
  await refused(t, Buffer.from('garbage\n'), /unexpected EOF/, stores);
  await refused(t, randomBytes(2048), { code: 'layer.invalid_archive' }, stores);
  await refused(t, Buffer.alloc(1024), absent('repositories'), stores);
  await refused(t, [json('manifest.json', null)], { message: 'invalid manifest, manifest cannot be null (but can be [])' }, stores);
  await refused(t, [file('manifest.json', Buffer.alloc(4 * 1024 * 1024 + 1, ' '))], { code: 'image.document_too_large' }, stores);
  await refused(t, [...rest, manifest({ Layers: ['l1', '../../../../etc/passwd'] })], /^EngineError: evalSymlinksInScope: \/etc\/passwd is not in \/.*\/docker-import-\d+$/, stores);
  await refused(t, [...rest, manifest({ Config: '/../etc/passwd' })], /evalSymlinksInScope: \/.*\/etc\/passwd is not in \//, stores);
  await refused(t, [...rest, file('../escape', Buffer.from('x'))], { message: 'invalid entry name "../escape"' }, stores);
  await refused(t, [...rest, manifest({}), file('z'.repeat(256), Buffer.from('x'))], { message: `openat ${'z'.repeat(256)}: file name too long` }, stores);
  await refused(t, [...rest, manifest({}), { header: { name: 'q', type: 'hardlink', linkName: '/etc/passwd' } }], { message: 'linkat etc/passwd q: no such file or directory' }, stores);
  await refused(t, [file('c', image.configuration), file('l1', firstLayer), { header: { name: 'l2', type: 'symlink', linkName: '../../../../../../etc/passwd' } }, manifest({})], absent('etc/passwd'), stores);
  await refused(t, [file('c', image.configuration), file('l1', firstLayer), { header: { name: 'l2', type: 'symlink', linkName: 'l2' } }, manifest({})], /too many levels of symbolic links/, stores);
  await refused(t, [...rest, manifest({ Layers: ['l1'] })], { message: 'invalid manifest, layers length mismatch: expected 1, got 2' }, stores);
  await refused(t, [...rest, manifest({ Layers: ['l1', 'l1'] })], { message: `invalid diffID for layer 1: expected "${image.diffIds[1]}", got "${image.diffIds[0]}"` }, stores);
  await refused(t, [...rest, manifest({ Layers: ['l1', 'absent'] })], absent('absent'), stores);
  await refused(t, [...rest, manifest({ RepoTags: ['Bad:1'] })], { code: 'image.invalid_reference' }, stores);
  await refused(t, [...rest, manifest({ RepoTags: ['untagged'] })], { message: 'invalid tag "untagged"' }, stores);
  await refused(t, [file('c', imageOf(image.layers, { os: 'windows' }).configuration), ...rest.slice(1), manifest({})], { message: 'cannot load windows image on linux' }, stores);
  await refused(t, [file('c', Buffer.from('{"rootfs":')), ...rest.slice(1), manifest({})], { code: 'image.invalid_configuration', message: 'unexpected end of JSON input' }, stores);
  const config = (changes: object): TarMember => file('c', Buffer.from(JSON.stringify({ ...(JSON.parse(image.configuration.toString()) as object), ...changes })));
  await refused(t, [config({ rootfs: { type: 'layers', diff_ids: ['x', image.diffIds[1]] } }), ...rest.slice(1), manifest({})], { message: `invalid diffID for layer 0: expected "x", got "${image.diffIds[0]}"` }, stores);
  await refused(t, [config({ history: [{}, {}, {}] }), ...rest.slice(1), manifest({})], { message: 'too many non-empty layers in History section' }, stores);
  await refused(t, [config({ config: { Env: 'x' } }), ...rest.slice(1), manifest({})], { message: 'json: cannot unmarshal string into Go struct field Image.config.Env of type []string' }, stores);
  await refused(t, [...rest, manifest({ RepoTags: ['app:v1', 'bad name', 'app:v2'] })], { message: 'invalid reference format' }, stores);
  // A failure at the second image must undo the first.
  await refused(t, [...rest, json('manifest.json', [{ Config: 'c', RepoTags: ['app:v1'], Layers: ['l1', 'l2'] }, { Config: 'absent', RepoTags: null, Layers: [] }])], /absent/, stores);
  // A layer that is a member of the archive but whose contents are no tar.
  const bogus = Buffer.alloc(1024, 'x');
  const broken = imageOf([bogus]);
  await refused(t, dockerArchive([{ image: broken, tags: [] }]), { code: 'layer.invalid_archive' }, stores);
});

test('an OCI layout with a blob that is not what its name says must be refused', async (t) => {
  const stores = await openStores(t);
  const image = await twoLayers();
  const manifest = Buffer.from(JSON.stringify({ config: { digest: image.id, size: 1 }, layers: [] }));
  const index = json('index.json', { manifests: [{ mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digestOf(manifest), size: 1 }] });
  await refused(t, [index, { ...blob(manifest), body: Buffer.from(`${manifest.toString()} `) }], { message: `manifest verification failed for digest ${digestOf(manifest)}` }, stores);
  await refused(t, [index, blob(manifest), { ...blob(image.configuration), body: Buffer.from(`${image.configuration.toString()} `) }], { message: `image config verification failed for digest ${image.id}` }, stores);
});

test('an abort and a broken connection must leave nothing', async (t) => {
  const stores = await openStores(t);
  const image = await twoLayers();
  const archive = await tarOf(dockerArchive([{ image, tags: ['app:v1'] }]));
  const aborting = new AbortController();
  const stalled = new Readable({ read() {} });
  stalled.push(archive.subarray(0, 3000));
  const loading = messagesOf(stores.store.load(stalled, { quiet: true, signal: aborting.signal }));
  setImmediate(() => aborting.abort(new Error('enough')));
  await assert.rejects(loading, { message: 'enough' });
  await assertNothingStays(stores);
  const breaking = Readable.from(
    (async function* () {
      yield archive.subarray(0, 3000);
      throw new Error('connection reset');
    })(),
  );
  await assert.rejects(messagesOf(stores.store.load(breaking, { quiet: true, signal: never })), { message: 'connection reset' });
  await assertNothingStays(stores);
});

test('a full disk at the second layer must leave nothing', async (t) => {
  const stores = await openStores(t, { wrap: failingAt(2) });
  await refused(t, dockerArchive([{ image: await twoLayers(), tags: ['app:v1'] }]), { code: 'layer.disk_full' }, stores);
});

/** A layer store whose disk is full at the nth layer. */
function failingAt(nth: number): (layers: LayerStore) => LayerStore {
  return (layers) => {
    let calls = 0;
    return new Proxy(layers, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        if (name === 'stage') {
          return async (...parameters: Parameters<LayerStore['stage']>) => {
            calls++;
            if (calls === nth) throw fail('layer.disk_full', { path: '/layer' });
            return await target.stage(...parameters);
          };
        }
        return member.bind(target) as unknown;
      },
    });
  };
}

test('layers that are here must not be written again, also when they belong elsewhere in the chain', async (t) => {
  const stores = await openStores(t);
  const image = await twoLayers();
  await load(stores, dockerArchive([{ image, tags: ['app:v1'] }]));
  const turned = imageOf(image.layers.toReversed());
  await load(stores, dockerArchive([{ image: turned, tags: ['turned:1'] }]));
  assert.deepEqual(stores.store.resolve('turned:1').layers, image.diffIds.toReversed());
  assert.equal(stores.layers.list().length, 4);
});

test('a crash while loading must leave the images before it and nothing of the new one', async (t) => {
  const stores = await openStores(t);
  const before = await twoLayers();
  await load(stores, dockerArchive([{ image: before, tags: ['before:1'] }]));
  // What a killed daemon leaves: layers that were applied, files that were spooled, a configuration without its row.
  const orphan = await layerOf({ orphan: 'x' });
  await stores.layers.apply(undefined, Readable.from([orphan]), { signal: never });
  const { writeFileSync, mkdirSync } = await import('node:fs');
  mkdirSync(join(stores.dataRoot, 'tmp/load-x'));
  const configurations = join(stores.dataRoot, 'image/overlay2/imagedb/content/sha256');
  writeFileSync(join(configurations, digestOf('lost').slice(7)), 'lost');
  writeFileSync(join(configurations, `${digestOf('draft').slice(7)}.abc.draft`), 'dra');
  const after = await stores.reopen();
  assert.equal(after.store.resolve('before:1').id, before.id);
  assert.equal(after.layers.list().length, 2);
  assert.deepEqual(readdirSync(join(after.dataRoot, 'tmp')), []);
  assert.deepEqual(readdirSync(configurations), [before.id.slice(7)]);
});

test('an image whose configuration was damaged on disk must be dropped with its names, so that it can be loaded again', async (t) => {
  const stores = await openStores(t);
  const image = await twoLayers();
  await load(stores, dockerArchive([{ image, tags: ['app:v1'] }]));
  const { writeFileSync } = await import('node:fs');
  writeFileSync(join(stores.dataRoot, 'image/overlay2/imagedb/content/sha256', image.id.slice(7)), '{}');
  const after = await stores.reopen();
  await assertNothingStays(after);
  assert.throws(() => after.store.resolve('app:v1'), { code: 'image.not_found' });
  await load(after, dockerArchive([{ image, tags: ['app:v1'] }]));
  assert.equal(after.store.resolve('app:v1').id, image.id);
});

test('loading and saving a large layer must take bounded memory', async (t) => {
  const stores = await openStores(t);
  const size = 256 * 1024 * 1024;
  const piece = randomBytes(1024 * 1024);
  const { encodeHeader, archiveEnd } = await import('#oci/tar/header-encoder.ts');
  const { createHash } = await import('node:crypto');
  const layerLength = 512 + size + archiveEnd.length;
  const layer = function* (): Generator<Buffer> {
    yield encodeHeader({ name: 'big', type: 'file', size });
    for (let written = 0; written < size; written += piece.length) yield piece;
    yield archiveEnd;
  };
  const hash = createHash('sha256');
  for (const chunk of layer()) hash.update(chunk);
  const diffId = `sha256:${hash.digest('hex')}`;
  const configuration = Buffer.from(JSON.stringify({ os: 'linux', rootfs: { type: 'layers', diff_ids: [diffId] } }));
  const archive = async function* (): AsyncGenerator<Buffer> {
    yield encodeHeader({ name: 'layer', type: 'file', size: layerLength });
    yield* layer();
    yield await tarOf([{ header: { name: 'c', type: 'file' }, body: configuration }, json('manifest.json', [{ Config: 'c', RepoTags: ['big:1'], Layers: ['layer'] }])]);
  };
  const before = process.memoryUsage.rss();
  let peak = before;
  const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 20);
  t.after(() => clearInterval(watch));
  await messagesOf(stores.store.load(Readable.from(archive()), { quiet: true, signal: never }));
  let saved = 0;
  for await (const chunk of await stores.store.save(['big:1'], { signal: never })) saved += (chunk as Buffer).length;
  assert.ok(saved > size);
  assert.ok(peak - before < size * 0.75, `grew by ${Math.round((peak - before) / 1e6)} MB`);
});

for (const [kind, compress] of [['plain', (bytes: Buffer) => bytes], ['compressed', gzipSync]] as const) {
  test(`a disposable archive with ${kind} layers must be loaded from pieces cut anywhere, which are used up then`, async (t) => {
    for (const size of [97, 700, 65_536]) {
      const stores = await openStores(t);
      const image = imageOf([await layerOf({ 'etc/a': 'one' }), await layerOf({ noise: randomBytes(100_000).toString('hex') })]);
      const whole = await tarOf([
        ...image.layers.map((layer, place): TarMember => ({ header: { name: `${place}.tar`, type: 'file' }, body: compress(layer) })),
        { header: { name: 'c', type: 'file' }, body: image.configuration },
        json('manifest.json', [{ Config: 'c', RepoTags: ['app:v1'], Layers: image.layers.map((_, place) => `${place}.tar`) }]),
      ]);
      const pieces: Uint8Array[] = [];
      for (let position = 0; position < whole.length; position += size) pieces.push(new Uint8Array(whole.subarray(position, position + size)));
      const archive = Readable.from((function* () { yield* pieces; })());
      await messagesOf(stores.store.load(archive, { quiet: true, disposable: true, signal: never }));
      assert.deepEqual(stores.store.resolve('app:v1').layers, image.diffIds);
      assert.equal(pieces[0]?.length, 0);
    }
  });
}

test('an image must be described, saved and removed for its own platform only, where one is named', async (t) => {
  const stores = await openStores(t);
  const { store } = stores;
  const image = await twoLayers();
  await load(stores, dockerArchive([{ image, tags: ['app:v1'] }]));
  const own = { os: 'linux', architecture: 'amd64' };
  const other = { os: 'linux', architecture: 's390x' };
  const mismatch = { code: 'image.platform_mismatch', message: 'image with reference app:v1 was found but its platform (linux/amd64) does not match the specified platform (linux/s390x)' };
  await assert.rejects(store.inspect('app:v1', { platform: other }), mismatch);
  await assert.rejects(store.history('app:v1', other), mismatch);
  await assert.rejects(store.remove('app:v1', { force: false, prune: true, platform: other, users: () => [] }), mismatch);
  await assert.rejects(store.save(['app:v1'], { platform: other, signal: never }), { message: 'no suitable export target found for platform linux/s390x' });
  assert.equal((await store.inspect('app:v1', { platform: own })).Id, image.id);
  assert.equal((await store.history('app:v1', own)).length, 2);
  const saved = await buffer(await store.save(['app:v1'], { platform: own, signal: never }));
  await store.remove('app:v1', { force: false, prune: true, platform: own, users: () => [] });
  assert.deepEqual(await messagesOf(store.load(Readable.from([saved]), { quiet: true, platform: other, signal: never })), [{}]);
  await assertNothingStays(stores);
  await messagesOf(store.load(Readable.from([saved]), { quiet: true, platform: own, signal: never }));
  assert.equal(store.resolve('app:v1').id, image.id);
});

test('what saves nothing must be an archive of nothing, as Docker writes it', async (t) => {
  const stores = await openStores(t);
  const files = await filesIn(await stores.store.save([], { signal: never }));
  assert.deepEqual([...files].map(([name, content]) => [name, String(content).trim()]), [
    ['index.json', '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":null}'],
    ['manifest.json', 'null'],
    ['oci-layout', '{"imageLayoutVersion": "1.0.0"}'],
  ]);
});

test('what only looks like a layer must neither hinder nor stay', async (t) => {
  const stores = await openStores(t);
  const image = await twoLayers();
  const file = (name: string, body: Buffer): TarMember => ({ header: { name, type: 'file' }, body });
  const escape = await tarOf([file('../../evil', Buffer.from('x'))]);
  const unpackable = await layerOf({ stray: 'x' });
  const strays = [file('evil.tar', escape), file('stray.tar', unpackable), file('stray.gz', gzipSync('{}')), file('empty', Buffer.alloc(0)), file('cut.gz', gzipSync(unpackable).subarray(0, 40))];
  await load(stores, [...strays, ...dockerArchive([{ image, tags: ['app:v1'] }])]);
  assert.equal(stores.store.resolve('app:v1').id, image.id);
  assert.equal(stores.layers.list().length, 2);
  await stores.store.remove('app:v1', { force: false, prune: true, users: () => [] });
  await assertNothingStays(stores);
  await refused(t, [file('c', unpackable), json('manifest.json', [{ Config: 'c', RepoTags: [], Layers: [] }])], { message: 'invalid image data: c is a tar archive or compressed' }, stores);
  await refused(t, [...strays, file('c', image.configuration), json('manifest.json', [{ Config: 'c', RepoTags: [], Layers: ['evil.tar', 'stray.tar'] }])], { message: 'invalid entry name "../../evil"' }, stores);
});

test('of members of one name the last must count', async (t) => {
  const stores = await openStores(t);
  const image = await twoLayers();
  const members = dockerArchive([{ image, tags: ['app:v1'] }]);
  const earlier = members.flatMap(({ header }) => [{ header, body: Buffer.from('not this') }, { header, body: gzipSync('nor this') }]);
  await load(stores, [...earlier, ...members]);
  assert.equal(stores.store.resolve('app:v1').id, image.id);
});

test('one file that is a layer of several images, at several heights, must be unpacked for each', async (t) => {
  const stores = await openStores(t);
  const [a, b] = [await layerOf({ a: 'one' }), await layerOf({ b: 'two' })];
  const images = [imageOf([a, b]), imageOf([b, a, b]), imageOf([a])];
  const file = (name: string, body: Buffer): TarMember => ({ header: { name, type: 'file' }, body });
  const layers = [['a', 'b'], ['b', 'a', 'b'], ['a']];
  const manifest = json('manifest.json', images.map((_image, index) => ({ Config: `c${index}`, RepoTags: [`app:v${index}`], Layers: layers[index] })));
  await load(stores, [manifest, file('a', a), file('b', gzipSync(b)), ...images.map(({ configuration }, index) => file(`c${index}`, configuration))]);
  for (const [index, image] of images.entries()) {
    assert.equal(stores.store.resolve(`app:v${index}`).id, image.id);
    for await (const _chunk of await stores.store.save([`app:v${index}`], { signal: never }));
  }
  assert.equal(stores.layers.list().length, 5);
});

test('a large layer must tell its progress while it is read, under the digest its name tells', async (t) => {
  const stores = await openStores(t);
  const layer = await layerOf({ a: 'x'.repeat(100_000) });
  const image = imageOf([layer]);
  const archive = await tarOf([blob(layer), blob(image.configuration), json('manifest.json', [{ Config: `blobs/sha256/${image.id.slice(7)}`, RepoTags: ['app:v1'], Layers: [`blobs/sha256/${digestOf(layer).slice(7)}`] }])]);
  const slow = async function* (): AsyncGenerator<Buffer> {
    yield archive.subarray(0, 20_000);
    await new Promise((resolve) => setTimeout(resolve, 700));
    yield archive.subarray(20_000, 40_000);
    yield archive.subarray(40_000);
  };
  const messages = await messagesOf(stores.store.load(Readable.from(slow()), { quiet: false, signal: never }));
  const told = messages.filter(({ status }) => status === 'Loading layer');
  assert.ok(told.every(({ id }) => id === digestOf(layer).slice(7, 19)));
  assert.deepEqual(told.at(-1)?.progressDetail, { current: layer.length, total: layer.length });
  assert.ok((told[0]?.progressDetail?.current ?? 0) < layer.length);
});

test('what an OCI layout says wrongly, too deeply or at too great length must be refused and leave nothing', async (t) => {
  const stores = await openStores(t);
  const image = await twoLayers();
  const file = (name: string, body: Buffer): TarMember => ({ header: { name, type: 'file' }, body });
  const documentOf = (content: unknown): Buffer => Buffer.from(JSON.stringify(content));
  const pointer = (bytes: Buffer, rest: object = {}): object => ({ mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digestOf(bytes), size: bytes.length, ...rest });
  const manifest = documentOf({ schemaVersion: 2, config: { digest: image.id, size: 1 }, layers: image.diffIds.map((digest) => ({ digest, size: 1 })) });
  const blobs = [blob(image.configuration), blob(manifest), ...image.layers.map(blob)];
  const refusedIndex = async (index: unknown, expected: object | RegExp, more: readonly TarMember[] = []): Promise<void> => await refused(t, [...blobs, ...more, json('index.json', index)], expected, stores);
  for (const index of [null, [], 'x', { manifests: 5 }, { manifests: [null] }, { manifests: [{}] }, { manifests: [{ digest: 5, size: 1 }] }, { manifests: [pointer(manifest, { size: -1 })] }, { manifests: [pointer(manifest, { annotations: { a: 1 } })] }]) {
    await refusedIndex(index, { code: 'image.invalid_document' });
  }
  await refusedIndex({ manifests: [pointer(manifest, { digest: 'sha256:../../x' })] }, { code: 'image.invalid_document' });
  await refusedIndex({ manifests: [pointer(manifest, { digest: 'md5:0' })] }, { code: 'image.invalid_document' });
  await refusedIndex({ manifests: [pointer(manifest, { digest: digestOf('absent') })] }, absent(`blobs/sha256/${digestOf('absent').slice(7)}`));
  const sha512 = createHash('sha512').update('other').digest('hex');
  await refusedIndex({ manifests: [pointer(manifest, { digest: `sha512:${sha512}` })] }, { message: `manifest verification failed for digest sha512:${sha512}` }, [file(`blobs/sha512/${sha512}`, manifest)]);
  // An index that lists itself, which a digest rules out, and one of many floors, which it does not.
  const own = documentOf({ manifests: [{ mediaType: 'application/vnd.oci.image.index.v1+json', digest: digestOf('itself'), size: 1 }] });
  await refusedIndex({ manifests: [pointer(own, { digest: digestOf('itself') })] }, { message: `manifest verification failed for digest ${digestOf('itself')}` }, [file(`blobs/sha256/${digestOf('itself').slice(7)}`, own)]);
  const floors = [manifest];
  for (let floor = 0; floor < 12; floor++) floors.unshift(documentOf({ mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [pointer(floors[0] ?? manifest, floor === 0 ? {} : { mediaType: 'application/vnd.oci.image.index.v1+json' })] }));
  await refusedIndex({ manifests: [pointer(floors[0] ?? manifest, { mediaType: 'application/vnd.oci.image.index.v1+json' })] }, { message: 'image indexes are nested too deeply' }, floors.map(blob));
  await refused(t, [...blobs, file('index.json', Buffer.alloc(4 * 1024 * 1024 + 1, ' '))], { code: 'image.document_too_large' }, stores);
  const long = Buffer.concat([manifest, Buffer.alloc(4 * 1024 * 1024, ' ')]);
  await refusedIndex({ manifests: [pointer(long)] }, { code: 'image.document_too_large' }, [blob(long)]);
});

test('the image for this platform must be loaded out of an index as docker buildx writes it, attestations passed over', async (t) => {
  const stores = await openStores(t);
  const [layer, other] = [await layerOf({ own: 'x' }), await layerOf({ other: 'y' })];
  const compressed = zstdCompressSync(layer);
  const documentOf = (content: unknown): Buffer => Buffer.from(JSON.stringify(content));
  const image = imageOf([layer]);
  const foreign = imageOf([other], { architecture: 's390x' });
  const manifestOf = ({ id }: MadeImage, bytes: Buffer): Buffer =>
    documentOf({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: id, size: 1 }, layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd', digest: digestOf(bytes), size: bytes.length }] });
  const [own, theirs] = [manifestOf(image, compressed), manifestOf(foreign, other)];
  const statement = documentOf({ _type: 'https://in-toto.io/Statement/v0.1' });
  const attestation = documentOf({ schemaVersion: 2, config: { digest: digestOf('{}'), size: 2 }, layers: [{ mediaType: 'application/vnd.in-toto+json', digest: digestOf(statement), size: statement.length }] });
  const pointer = (bytes: Buffer, platform: object, annotations: object = {}): object => ({ mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digestOf(bytes), size: bytes.length, platform, annotations });
  const inner = documentOf({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [
      pointer(attestation, { os: 'unknown', architecture: 'unknown' }, { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': digestOf(own) }),
      pointer(theirs, { os: 'linux', architecture: 's390x' }),
      pointer(own, { os: 'linux', architecture: 'amd64' }),
    ],
  });
  const index = json('index.json', { schemaVersion: 2, manifests: [{ mediaType: 'application/vnd.oci.image.index.v1+json', digest: digestOf(inner), size: inner.length, annotations: { 'io.containerd.image.name': 'docker.io/me/app:v1', 'org.opencontainers.image.ref.name': 'v1' } }] });
  const files = [inner, own, theirs, attestation, statement, Buffer.from('{}'), image.configuration, foreign.configuration, compressed, other].map(blob);
  assert.deepEqual(await load(stores, [...files, index]), ['Loaded image: me/app:v1\n']);
  assert.equal(stores.store.resolve('me/app:v1').id, image.id);
  assert.equal(stores.layers.list().length, 1);
});
