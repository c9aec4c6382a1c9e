/** Pulls that are cut short, shared, throttled or failed over, and what is kept of what they brought. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import test from 'node:test';
import { bzip2, zstd } from './compressed.ts';
import { parsePlatform } from '#oci/platform.ts';
import { createContentStore } from '#store/content/content-store.ts';
import type { ContentStore } from '#store/content/contract.ts';
import type { ProgressMessage } from '#schema/image-views.ts';
import { assertNothingStays, digestOf, filesIn, imageOf, layerOf, messagesOf, never, openStores, type MadeImage, type Stores } from './image-fixture.ts';
import { indexType, manifestType, noise, startRegistry, type TestRegistry } from './registry-fixture.ts';

const pieceSize = 65_536;

async function pull({ store }: Stores, reference: string, options: { platform?: string; signal?: AbortSignal } = {}): Promise<ProgressMessage[]> {
  return await messagesOf(store.pull(reference, { signal: never, ...options }));
}

/** Layers that take several writes. */
async function largeImage(layers: number, size = 1_500_000): Promise<MadeImage> {
  return imageOf(await Promise.all(Array.from({ length: layers }, async (_unused, index) => await layerOf({ [`file${index}`]: noise(`large ${index}`, size) }))));
}

function sizeOfBlobs(registry: TestRegistry): number {
  return [...registry.blobs.values()].reduce((sum, { length }) => sum + length, 0);
}

function contentOf({ dataRoot }: Stores): ContentStore {
  return createContentStore({ dataRoot });
}

/** Holds every blob after so many bytes, until let go; resolves when `count` are held. */
function holdAfter(registry: TestRegistry, bytes: number, count: number): { held: Promise<void>; release: () => void } {
  const { promise: held, resolve } = Promise.withResolvers<void>();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  let waiting = 0;
  registry.pace = {
    piece: pieceSize,
    next: async (_digest, offset) => {
      await turn();
      if (offset < bytes) return;
      if (++waiting === count) resolve();
      await released;
    },
  };
  return { held, release };
}

/** Waits until so many bytes of partial and whole blobs are on the disk. */
async function untilStored(stores: Stores, bytes: number): Promise<void> {
  const content = contentOf(stores);
  for (;;) {
    const stored = [...content.list(), ...content.partials()].reduce((sum, { size }) => sum + size, 0);
    if (stored >= bytes) return;
    await turn();
  }
}

test('a pull that was cancelled must be taken up where it ended, also by another daemon', async (t) => {
  const stores = await openStores(t);
  const registry = await startRegistry(t);
  const made = await largeImage(3);
  registry.push('me/app:v1', made);
  const reference = `${registry.host}/me/app:v1`;
  const { held, release } = holdAfter(registry, 1_000_000, 3);
  const gone = new AbortController();
  const first = pull(stores, reference, { signal: gone.signal });
  await held;
  await untilStored(stores, 3 * 500_000);
  gone.abort(new Error('gone'));
  await assert.rejects(first, { message: 'gone' });
  release();
  await assertNothingStays(stores);
  const waiting = stores.store.unfinished();
  assert.equal(waiting.filter(({ complete }) => !complete).length, 3);
  const kept = waiting.filter(({ digest }) => registry.blobs.has(digest)).reduce((sum, { bytes }) => sum + bytes, 0);
  const before = registry.sent();
  registry.pace = undefined;
  const again = await stores.reopen();
  await pull(again, reference);
  assert.ok(registry.sent() - before <= sizeOfBlobs(registry) - kept, `${registry.sent() - before} bytes were sent though ${kept} were there`);
  assert.deepEqual(again.store.resolve(reference).layers, made.diffIds);
  assert.deepEqual(again.store.unfinished(), []);
});

test('what was damaged of a pull that was cut short must be found out and brought again', async (t) => {
  const stores = await openStores(t);
  const registry = await startRegistry(t);
  const made = await largeImage(1);
  registry.push('me/app:v1', made);
  const reference = `${registry.host}/me/app:v1`;
  const [compressed] = [...registry.blobs].find(([digest]) => digest !== made.id) ?? [''];
  const writer = await contentOf(stores).write(compressed, { signal: never });
  await writer?.write(Buffer.alloc(300_000));
  await writer?.[Symbol.asyncDispose]();
  await pull(stores, reference);
  assert.deepEqual(stores.store.resolve(reference).layers, made.diffIds);
  assert.ok(await contentOf(stores).verify(compressed));
});

test('two pulls of one image must bring and unpack it once, and one that leaves must not hurt the other', async (t) => {
  const stores = await openStores(t);
  const registry = await startRegistry(t);
  const made = await largeImage(2);
  registry.push('me/app:v1', made);
  registry.push('me/other:v1', made);
  const { held, release } = holdAfter(registry, 800_000, 2);
  const gone = new AbortController();
  const leaving = pull(stores, `${registry.host}/me/app:v1`, { signal: gone.signal });
  await held;
  const [staying, other] = [pull(stores, `${registry.host}/me/app:v1`), pull(stores, `${registry.host}/me/other:v1`)];
  for (let index = 0; index < 50; index++) await turn();
  gone.abort(new Error('gone'));
  await assert.rejects(leaving, { message: 'gone' });
  release();
  registry.pace = undefined;
  for (const messages of await Promise.all([staying, other])) {
    assert.equal(messages.filter(({ status }) => status === 'Pull complete').length, 2);
    assert.equal(messages.filter(({ status }) => status === 'Download complete').length, 2);
  }
  // What the first was sent but had not written yet is sent again.
  assert.ok(registry.sent() < sizeOfBlobs(registry) * 1.9, `${registry.sent()} of ${sizeOfBlobs(registry)} bytes`);
  assert.deepEqual(stores.store.resolve(`${registry.host}/me/other:v1`).id, made.id);
});

test('a mirror that breaks off or sends something else in the middle of a blob must be replaced by the next', async (t) => {
  const [breaking, lying, whole] = [await startRegistry(t), await startRegistry(t), await startRegistry(t)];
  const made = await largeImage(2);
  for (const registry of [breaking, lying, whole]) registry.push('library/app:v1', made);
  for (const [digest, bytes] of lying.blobs) if (digest !== made.id) lying.blobs.set(digest, Buffer.alloc(bytes.length, 'x'));
  const ranges: (string | undefined)[] = [];
  breaking.intercept = (request, response) => {
    const bytes = breaking.blobs.get(/blobs\/(sha256:[0-9a-f]+)/.exec(request.url ?? '')?.[1] ?? '');
    if (bytes === undefined || bytes.length < 100_000) return false;
    response.writeHead(200, { 'Content-Length': bytes.length });
    response.write(bytes.subarray(0, 700_000), () => response.destroy());
    return true;
  };
  lying.intercept = (request) => {
    if (request.url?.includes('/blobs/') === true) ranges.push(request.headers.range);
    return false;
  };
  const stores = await openStores(t, { registry: { mirrors: [breaking, lying, whole].map(({ host }) => `http://${host}`) } });
  await pull(stores, 'app:v1');
  assert.deepEqual(stores.store.resolve('app:v1').layers, made.diffIds);
  assert.ok(ranges.some((range) => range !== undefined), 'the second mirror was not asked for the rest');
  for (const { digest } of contentOf(stores).list()) assert.ok(await contentOf(stores).verify(digest));
});

test('a registry that has too much to do must be asked again when it says, and when that is far away be told', async (t) => {
  const stores = await openStores(t);
  const registry = await startRegistry(t);
  registry.push('me/app:v1', await largeImage(1, 10_000));
  const refused = new Set<string>();
  registry.intercept = (request, response) => {
    if (request.url === '/v2/' || refused.has(request.url ?? '')) return false;
    refused.add(request.url ?? '');
    response.writeHead(429, { 'Content-Type': 'application/json', 'Retry-After': '3' }).end(JSON.stringify({ errors: [{ code: 'TOOMANYREQUESTS', message: 'slow down' }] }));
    return true;
  };
  const messages = await pull(stores, `${registry.host}/me/app:v1`);
  const told = messages.map(({ status }) => status ?? '');
  assert.ok(told.some((status) => /^toomanyrequests: slow down: retrying in 3 seconds, at \d{4}-.*Z$/.test(status)), told.join('\n'));
  assert.ok(told.some((status) => /^Retrying in 1 second \(the registry takes requests again at \d{4}-.*Z\)$/.test(status)), told.join('\n'));
  registry.push('me/app:v2', await largeImage(2, 10_000));
  registry.intercept = (request, response) => {
    if (request.url === '/v2/') return false;
    response.writeHead(429, { 'Content-Type': 'application/json', 'Retry-After': '7200' }).end(JSON.stringify({ errors: [{ code: 'TOOMANYREQUESTS', message: 'pull rate limit' }] }));
    return true;
  };
  await assert.rejects(pull(stores, `${registry.host}/me/app:v2`), /toomanyrequests: pull rate limit \(the registry takes requests again at \d{4}-\S+Z, in 7200 seconds\)/);
  registry.intercept = (request, response) => {
    if (request.url?.includes('/manifests/') !== true) return false;
    response.writeHead(503).end();
    return true;
  };
  await assert.rejects(pull(stores, `${registry.host}/me/app:v2`), { message: 'received unexpected HTTP status: 503 Service Unavailable' });
  assert.equal(registry.requests.filter((request) => request.endsWith('/manifests/v2')).length, 6, 'once refused for long, five times in vain');
});

test('manifests, indexes, configurations, layers and attestations must be kept as they came, and go with their image', async (t) => {
  const stores = await openStores(t);
  const registry = await startRegistry(t);
  const made = await largeImage(2, 20_000);
  const statement = Buffer.from('{"_type":"https://in-toto.io/Statement/v0.1"}');
  const empty = Buffer.from('{}');
  for (const bytes of [statement, empty]) registry.blobs.set(digestOf(bytes), bytes);
  const manifest = registry.push('me/app@', made);
  const describe = (mediaType: string, digest: string, size: number): object => ({ mediaType, digest, size });
  const attestation = registry.pushManifest('me/app@', manifestType, {
    schemaVersion: 2, mediaType: manifestType,
    config: describe('application/vnd.oci.image.config.v1+json', digestOf(empty), empty.length),
    layers: [describe('application/vnd.in-toto+json', digestOf(statement), statement.length)],
  });
  const index = registry.pushManifest('me/app:v1', indexType, {
    schemaVersion: 2, mediaType: indexType,
    manifests: [
      { ...describe(manifestType, manifest, 1), platform: { os: 'linux', architecture: 'amd64' } },
      { ...describe(manifestType, attestation, 1), platform: { os: 'unknown', architecture: 'unknown' }, annotations: { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': manifest } },
    ],
  });
  const reference = `${registry.host}/me/app:v1`;
  await pull(stores, reference, { platform: 'linux/amd64' });
  const content = contentOf(stores);
  for (const digest of [manifest, attestation, index]) assert.deepEqual(await content.readWhole(digest, 100_000), registry.manifests.get(`me/app@${digest}`)?.body);
  for (const [digest, bytes] of registry.blobs) assert.deepEqual(await content.readWhole(digest, 100_000), bytes);
  assert.deepEqual(stores.store.unfinished(), []);
  const again = await stores.reopen();
  assert.deepEqual(again.store.unfinished(), []);
  await again.store.tag(reference, 'mine', 'v2');
  await again.store.remove(reference, { force: false, prune: true, users: () => [] });
  assert.equal(content.list().length, 8, 'another name keeps all');
  await again.store.remove('mine:v2', { force: false, prune: true, users: () => [] });
  assert.deepEqual(content.list(), []);
  await assertNothingStays(again);
});

test('several platforms of one image must lie side by side, and each be found by its platform', async (t) => {
  const stores = await openStores(t);
  const registry = await startRegistry(t);
  const [amd, arm] = [imageOf([await layerOf({ a: 'amd' })]), imageOf([await layerOf({ a: 'arm' })], { architecture: 'arm64' })];
  const [amdDigest, armDigest] = [registry.push('me/app@', amd), registry.push('me/app@', arm)];
  const entry = (digest: string, architecture: string): object => ({ mediaType: manifestType, digest, size: 1, platform: { os: 'linux', architecture } });
  registry.pushManifest('me/app:v1', indexType, { schemaVersion: 2, mediaType: indexType, manifests: [entry(amdDigest, 'amd64'), entry(armDigest, 'arm64')] });
  const reference = `${registry.host}/me/app:v1`;
  await pull(stores, reference, { platform: 'linux/amd64' });
  await assert.rejects(async () => await Promise.resolve(stores.store.resolve(reference, parsePlatform('linux/arm64'))), { code: 'image.platform_mismatch' });
  await pull(stores, reference, { platform: 'linux/arm64' });
  const again = await stores.reopen();
  assert.equal(again.store.resolve(reference).id, arm.id);
  assert.equal(again.store.resolve(reference, parsePlatform('linux/arm64')).id, arm.id);
  assert.equal(again.store.resolve(reference, parsePlatform('linux/amd64')).id, amd.id);
  assert.equal(again.store.resolve(arm.id, parsePlatform('linux/amd64')).id, amd.id);
  await assert.rejects(async () => await Promise.resolve(again.store.resolve(reference, parsePlatform('linux/s390x'))), { code: 'image.platform_mismatch' });
  const saved = await filesIn(await again.store.save([reference], { platform: parsePlatform('linux/amd64'), signal: never }));
  assert.ok(saved.has(`blobs/sha256/${amd.id.slice(7)}`) && !saved.has(`blobs/sha256/${arm.id.slice(7)}`), [...saved.keys()].join(' '));
  assert.equal((await again.store.inspect(reference, { platform: parsePlatform('linux/amd64') })).Id, amd.id);
  assert.deepEqual((await again.store.list({ all: false, filters: { dangling: ['true'] }, sharedSize: false })).map(({ Id }) => Id), [amd.id]);
});

test('layers must be read however they are compressed', async (t) => {
  const stores = await openStores(t);
  const registry = await startRegistry(t);
  const made = await largeImage(4, 300_000);
  const forms = [made.layers[0] ?? Buffer.alloc(0), zstd(made.layers[1] ?? Buffer.alloc(0)), await bzip2(made.layers[2] ?? Buffer.alloc(0)), zstd(made.layers[3] ?? Buffer.alloc(0), 3)];
  for (const bytes of [made.configuration, ...forms]) registry.blobs.set(digestOf(bytes), bytes);
  registry.pushManifest('me/app:v1', manifestType, {
    schemaVersion: 2, mediaType: manifestType,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: made.id, size: made.configuration.length },
    layers: forms.map((bytes, index) => ({ mediaType: `application/vnd.oci.image.layer.v1.tar${['', '+zstd', '', '+zstd'][index]}`, digest: digestOf(bytes), size: bytes.length })),
  });
  await pull(stores, `${registry.host}/me/app:v1`);
  assert.deepEqual(stores.store.resolve(`${registry.host}/me/app:v1`).layers, made.diffIds);
});

test('a prune must remove what a pull that was cut short left, and nothing that is in use', async (t) => {
  const stores = await openStores(t);
  const registry = await startRegistry(t);
  registry.push('me/app:v1', await largeImage(2));
  registry.push('me/small:v1', await largeImage(1, 1000));
  await pull(stores, `${registry.host}/me/small:v1`);
  const owned = contentOf(stores).list().length;
  const { held, release } = holdAfter(registry, 1_000_000, 2);
  const gone = new AbortController();
  const cut = pull(stores, `${registry.host}/me/app:v1`, { signal: gone.signal });
  await held;
  await untilStored(stores, 1_000_000);
  gone.abort(new Error('gone'));
  await assert.rejects(cut, { message: 'gone' });
  release();
  const waiting = stores.store.unfinished().reduce((sum, { bytes }) => sum + bytes, 0);
  assert.ok(waiting > 0);
  const { SpaceReclaimed } = await stores.store.prune({ filters: {}, users: () => [] });
  assert.equal(SpaceReclaimed, waiting);
  assert.deepEqual(readdirSync(join(stores.dataRoot, 'content/ingest')), []);
  assert.equal(contentOf(stores).list().length, owned);
});
