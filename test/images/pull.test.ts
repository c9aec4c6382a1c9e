import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';

import { setImmediate as turn } from 'node:timers/promises';
import test, { type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { EngineError, fail } from '#base/errors/failure.ts';
import { translatePullError } from '#image/pull/translate-pull-error.ts';
import { parseReference } from '#oci/reference.ts';
import type { ProgressMessage } from '#schema/image-views.ts';
import { assertNothingStays, digestOf, imageOf, layerOf, messagesOf, never, openStores, type MadeImage, type Stores } from './image-fixture.ts';
import { dockerManifestType, indexType, manifestType, noise, refuse, startRegistry, type TestRegistry } from './registry-fixture.ts';

async function pull({ store }: Stores, reference: string, options: { platform?: string; authorization?: string; signal?: AbortSignal } = {}): Promise<ProgressMessage[]> {
  return await messagesOf(store.pull(reference, { signal: never, ...options }));
}

async function image(layers = 3, extra: Record<string, unknown> = {}): Promise<MadeImage> {
  return imageOf(await Promise.all(Array.from({ length: layers }, async (_unused, index) => await layerOf({ [`file${index}`]: noise(String(index), 20_000) }))), extra);
}

async function setUp(t: TestContext): Promise<{ stores: Stores; registry: TestRegistry }> {
  return { stores: await openStores(t), registry: await startRegistry(t) };
}

const statuses = (messages: readonly ProgressMessage[], id?: string): string[] =>
  messages.filter((message) => message.id === id && message.progressDetail?.current === undefined).map(({ status }) => status ?? '');

test('an image must be pulled with its layers, its name and digest, and the messages Docker gives', async (t) => {
  const { stores, registry } = await setUp(t);
  const made = await image(5);
  const digest = registry.push('me/app:v1', made);
  const name = `${registry.host}/me/app`;
  const messages = await pull(stores, `${name}:v1`);
  assert.deepEqual(messages[0], { status: 'Pulling from me/app', id: 'v1' });
  assert.deepEqual(messages.slice(-2), [{ status: `Digest: ${digest}` }, { status: `Status: Downloaded newer image for ${name}:v1` }]);
  for (const [compressed, bytes] of registry.blobs) {
    if (compressed === made.id || compressed === digest) continue;
    const id = compressed.slice(7, 19);
    assert.deepEqual(statuses(messages, id).filter((status) => status !== 'Waiting'), ['Pulling fs layer', 'Verifying Checksum', 'Download complete', 'Pull complete']);
    const last = messages.filter((message) => message.id === id && message.status === 'Downloading').at(-1);
    assert.deepEqual(last?.progressDetail, { current: bytes.length, total: bytes.length });
    const ends = messages.filter((message) => message.id === id && message.status === 'Extracting' && message.progressDetail?.current === bytes.length);
    assert.equal(ends.length, 2, 'Docker tells the end of a small layer twice');
  }
  assert.deepEqual(stores.store.namesOf(made.id), { tags: [`${name}:v1`], digests: [`${name}@${digest}`] });
  assert.deepEqual(stores.store.resolve(`${name}@${digest}`).layers, made.diffIds);
  assert.equal((await stores.store.inspect(`${name}:v1`)).Metadata.LastTagTime, '0001-01-01T00:00:00Z');
  assert.deepEqual(stores.events, [{ action: 'pull', id: `${name}:v1`, attributes: { name } }]);
});

test('no more than three layers must be downloaded at once', async (t) => {
  const { stores, registry } = await setUp(t);
  registry.push('me/app:v1', await image(8));
  registry.intercept = async (request) => {
    if (request.url?.includes('/blobs/') === true) for (let index = 0; index < 20; index++) await turn();
    return false;
  };
  const messages = await pull(stores, `${registry.host}/me/app:v1`);
  assert.ok(messages.some(({ status }) => status === 'Waiting'));
  assert.ok(registry.busiest() <= 3, `${registry.busiest()} at once`);
});

test('pulling again must find the image up to date without asking for a blob', async (t) => {
  const { stores, registry } = await setUp(t);
  const digest = registry.push('me/app:v1', await image());
  const name = `${registry.host}/me/app:v1`;
  await pull(stores, name);
  registry.requests.length = 0;
  assert.deepEqual(await pull(stores, name), [{ status: 'Pulling from me/app', id: 'v1' }, { status: `Digest: ${digest}` }, { status: `Status: Image is up to date for ${name}` }]);
  assert.deepEqual(registry.requests, ['GET /v2/', 'GET /v2/me/app/manifests/v1']);
});

test('layers that are here must not be downloaded again', async (t) => {
  const { stores, registry } = await setUp(t);
  const base = await image(2);
  registry.push('me/base:1', base);
  await pull(stores, `${registry.host}/me/base:1`);
  const child = imageOf([...base.layers, await layerOf({ more: 'more' })]);
  registry.push('me/child:1', child);
  registry.requests.length = 0;
  const messages = await pull(stores, `${registry.host}/me/child:1`);
  assert.equal(messages.filter(({ status }) => status === 'Already exists').length, 2);
  assert.equal(registry.requests.filter((request) => request.includes('/blobs/')).length, 2, 'configuration and one layer');
});

test('a layer that an image has twice must be downloaded once', async (t) => {
  const { stores, registry } = await setUp(t);
  const layer = await layerOf({ same: 'same' });
  const made = imageOf([layer, await layerOf({ between: 'x' }), layer]);
  registry.push('me/twice:1', made);
  await pull(stores, `${registry.host}/me/twice:1`);
  assert.deepEqual(stores.store.resolve(`${registry.host}/me/twice:1`).layers, made.diffIds);
  assert.equal(registry.requests.filter((request) => request.includes(digestOf(gzipSync(layer)))).length, 1);
});

test('the manifest for this platform must be chosen from an index, and another when asked for', async (t) => {
  const { stores, registry } = await setUp(t);
  const [amd, arm] = [await image(1), await image(2, { architecture: 'arm64' })];
  const entry = (digest: string, platform: object): object => ({ mediaType: manifestType, digest, size: 1, platform });
  const amdDigest = registry.push('me/app@', amd, { docker: true });
  const armDigest = registry.push('me/app@', arm);
  const digest = registry.pushManifest('me/app:v1', indexType, {
    schemaVersion: 2,
    mediaType: indexType,
    manifests: [entry(digestOf('attestation'), { os: 'unknown', architecture: 'unknown' }), entry(armDigest, { os: 'linux', architecture: 'arm64', variant: 'v8' }), entry(amdDigest, { os: 'linux', architecture: 'amd64' })],
  });
  const name = `${registry.host}/me/app`;
  const messages = await pull(stores, `${name}:v1`, { platform: 'linux/amd64' });
  assert.equal(stores.store.resolve(`${name}:v1`).id, amd.id);
  assert.deepEqual(messages.at(-2), { status: `Digest: ${digest}` });
  await pull(stores, `${name}:v1`, { platform: 'linux/arm64' });
  assert.equal(stores.store.resolve(`${name}:v1`).id, arm.id);
  await assert.rejects(pull(stores, `${name}:v1`, { platform: 'linux/s390x' }), { message: 'no matching manifest for linux/s390x in the manifest list entries' });
});

test('an image of another platform only must be taken with a warning', async (t) => {
  const { stores, registry } = await setUp(t);
  registry.push('me/app:v1', await image(1));
  const name = `${registry.host}/me/app:v1`;
  const messages = await pull(stores, name, { platform: 'linux/arm64' });
  assert.deepEqual(messages.at(-1), { status: `WARNING: image with reference ${name} was found but its platform (linux/amd64) does not match the specified platform (linux/arm64)` });
});

test('an image must be pulled by digest and get no tag', async (t) => {
  const { stores, registry } = await setUp(t);
  const made = await image(1);
  const reference = `${registry.host}/me/app@${registry.push('me/app:v1', made)}`;
  const messages = await pull(stores, reference);
  assert.deepEqual(messages[0], { status: 'Pulling from me/app', id: reference });
  assert.deepEqual(messages.at(-1), { status: `Status: Downloaded newer image for ${reference}` });
  assert.deepEqual(stores.store.namesOf(made.id), { tags: [], digests: [reference] });
  assert.deepEqual(await stores.store.remove(reference, { force: false, prune: true, users: () => [] }).then((entries) => entries[0]), { Untagged: reference });
});

test('a name without a tag must pull every tag', async (t) => {
  const { stores, registry } = await setUp(t);
  const [one, two] = [await image(1), await image(2)];
  registry.push('me/app:one', one);
  registry.push('me/app:two', two);
  const name = `${registry.host}/me/app`;
  const messages = await pull(stores, name);
  assert.deepEqual(messages.at(-1), { status: `Status: Downloaded newer image for ${name}` });
  assert.equal(stores.store.resolve(`${name}:one`).id, one.id);
  assert.equal(stores.store.resolve(`${name}:two`).id, two.id);
});

test('the digests of a repository must go with its last tag', async (t) => {
  const { stores, registry } = await setUp(t);
  const made = await image(1);
  const digest = registry.push('me/app:v1', made);
  const name = `${registry.host}/me/app`;
  await pull(stores, `${name}:v1`);
  const entries = await stores.store.remove(`${name}:v1`, { force: false, prune: true, users: () => [] });
  assert.deepEqual(entries, [{ Untagged: `${name}:v1` }, { Untagged: `${name}@${digest}` }, { Deleted: made.id }, { Deleted: made.diffIds[0] }]);
  await assertNothingStays(stores);
});

test('what the registry does not have must be told in the words of Docker', async (t) => {
  const { stores, registry } = await setUp(t);
  registry.push('me/app:v1', await image(1));
  const { host } = registry;
  await assert.rejects(pull(stores, `${host}/me/app:none`), { code: 'image.pull_not_found', message: `manifest for ${host}/me/app:none not found: manifest unknown: manifest unknown` });
  registry.intercept = (request, response) => {
    if (request.url === '/v2/') return false;
    refuse(response, 404, { code: 'NAME_UNKNOWN', message: 'repository name not known to registry', detail: { name: 'x' } });
    return true;
  };
  await assert.rejects(pull(stores, `${host}/me/none:v1`), { message: `repository ${host}/me/none not found: name unknown: repository name not known to registry` });
  registry.intercept = (request, response) => {
    if (request.url === '/v2/') return false;
    refuse(response, 403, { code: 'DENIED', message: 'requested access to the resource is denied', detail: [] });
    return true;
  };
  await assert.rejects(pull(stores, `${host}/me/app:v1`), { message: `pull access denied for ${host}/me/app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied` });
  registry.intercept = (_request, response) => {
    response.writeHead(500).end('oops');
    return true;
  };
  await assert.rejects(pull(stores, `${host}/me/app:v1`), { message: 'received unexpected HTTP status: 500 Internal Server Error' });
  await assertNothingStays(stores);
});

test('an anonymous token must be fetched for the scope of the pull, and a refused one be fetched again', async (t) => {
  const { stores, registry } = await setUp(t);
  registry.push('me/app:v1', await image(4));
  const tokens: string[] = [];
  registry.intercept = (request, response) => {
    const url = new URL(request.url ?? '', `http://${registry.host}`);
    if (url.pathname === '/token') {
      assert.deepEqual([...url.searchParams], [['service', 'the registry'], ['scope', 'repository:me/app:pull']]);
      tokens.push(`token-${tokens.length}`);
      response.end(JSON.stringify({ token: tokens.at(-1) }));
      return true;
    }
    // The first token holds for one request only.
    const good = request.headers.authorization === `Bearer ${tokens.at(-1)}` && !(tokens.length === 1 && url.pathname.includes('/blobs/'));
    if (good) return false;
    response.writeHead(401, { 'WWW-Authenticate': `Bearer realm="http://${registry.host}/token",service="the registry",scope="repository:me/app:pull"`, 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] }));
    return true;
  };
  await pull(stores, `${registry.host}/me/app:v1`);
  assert.ok(tokens.length >= 2);
});

test('credentials must open a registry, and a missing or wrong one be told', async (t) => {
  const { stores, registry } = await setUp(t);
  registry.push('me/app:v1', await image(1));
  const expected = `Basic ${Buffer.from('user:secret').toString('base64')}`;
  registry.intercept = (request, response) => {
    if (request.headers.authorization === expected) return false;
    response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="registry"', 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required', detail: null }] }));
    return true;
  };
  const header = (password: string): string => Buffer.from(JSON.stringify({ username: 'user', password, serveraddress: registry.host })).toString('base64url');
  const reference = `${registry.host}/me/app:v1`;
  await assert.rejects(pull(stores, reference), { code: 'registry.unauthorized', message: `Head "http://${registry.host}/v2/me/app/manifests/v1": no basic auth credentials` });
  await assert.rejects(pull(stores, reference, { authorization: header('wrong') }), { message: 'unauthorized' });
  await assert.rejects(pull(stores, reference, { authorization: 'not base64 of json' }), { code: 'registry.unauthorized' });
  await pull(stores, reference, { authorization: header('secret') });
  assert.ok(stores.store.resolve(reference));
});

test('a redirected blob must be followed without telling the other host who pulls', async (t) => {
  const { stores, registry } = await setUp(t);
  const elsewhere = await startRegistry(t);
  const made = await image(1);
  registry.push('me/app:v1', made);
  elsewhere.push('me/app:v1', made);
  const seen: (string | undefined)[] = [];
  elsewhere.intercept = (request) => {
    seen.push(request.headers.authorization);
    return false;
  };
  registry.intercept = (request, response) => {
    if (request.headers.authorization === undefined) response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="r"' }).end();
    else if (request.url?.includes('/blobs/') === true) response.writeHead(307, { Location: `http://${elsewhere.host}${request.url}` }).end();
    else return false;
    return true;
  };
  const authorization = Buffer.from(JSON.stringify({ username: 'user', password: 'secret' })).toString('base64');
  await pull(stores, `${registry.host}/me/app:v1`, { authorization });
  assert.deepEqual(seen, [undefined, undefined]);
});

test('a download that breaks off must go on where it ended', async (t) => {
  const { stores, registry } = await setUp(t);
  const made = imageOf([await layerOf({ a: noise('a', 400_000) }), await layerOf({ b: noise('b', 400_000) })]);
  registry.push('me/app:v1', made);
  const broken = new Map<string, number>();
  const resumed: string[] = [];
  registry.intercept = (request, response) => {
    const digest = /blobs\/(sha256:[0-9a-f]+)/.exec(request.url ?? '')?.[1];
    const bytes = digest === undefined ? undefined : registry.blobs.get(digest);
    if (digest === undefined || bytes === undefined || bytes.length < 100_000) return false;
    if (request.headers.range !== undefined) resumed.push(request.headers.range);
    const times = (broken.get(digest) ?? 0) + 1;
    broken.set(digest, times);
    if (times > 2) return false;
    const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0);
    response.writeHead(start > 0 ? 206 : 200, { 'Content-Length': bytes.length - start, ...(start > 0 ? { 'Content-Range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {}) });
    response.write(bytes.subarray(start, start + 200_000), () => response.destroy());
    return true;
  };
  const messages = await pull(stores, `${registry.host}/me/app:v1`);
  assert.ok(messages.some(({ status }) => status === 'Retrying in 5 seconds'));
  assert.ok(messages.some(({ status }) => status === 'Retrying in 1 second'));
  assert.ok(resumed.length > 0, 'no download was resumed');
  assert.deepEqual(stores.store.resolve(`${registry.host}/me/app:v1`).layers, made.diffIds);
});

test('wrong contents must be refused with the words of Docker and leave nothing', async (t) => {
  const { stores, registry } = await setUp(t);
  const made = await image(4);
  registry.push('me/app:v1', made);
  const reference = `${registry.host}/me/app:v1`;
  const [, second] = made.layers.map((layer) => digestOf(gzipSync(layer)));
  const original = registry.blobs.get(second ?? '') ?? Buffer.alloc(0);
  const spoilt = Buffer.from(original);
  spoilt.writeUInt8(spoilt.readUInt8(spoilt.length - 2000) ^ 1, spoilt.length - 2000);
  for (const contents of [spoilt, gzipSync(await layerOf({ evil: noise('evil', 20_000) })), Buffer.concat([original, Buffer.alloc(10)])]) {
    registry.blobs.set(second ?? '', contents.length > original.length ? contents : Buffer.concat([contents, Buffer.alloc(original.length - contents.length)]));
    await assert.rejects(pull(stores, reference), { code: 'registry.verification_failed', message: `filesystem layer verification failed for digest ${second}` });
    await assertNothingStays(stores);
    assert.deepEqual(stores.store.unfinished(), []);
  }
  registry.blobs.delete(second ?? '');
  await assert.rejects(pull(stores, reference), { message: 'unknown blob' });
  registry.blobs.set(second ?? '', original);
  registry.blobs.set(made.id, Buffer.from('{}'));
  await assert.rejects(pull(stores, reference), { message: `error pulling image configuration: image config verification failed for digest ${made.id}` });
  registry.blobs.delete(made.id);
  await assert.rejects(pull(stores, reference), { message: 'error pulling image configuration: download failed after attempts=1: unknown blob' });
  await assertNothingStays(stores);
});

test('a manifest that lies about its image must be refused and leave nothing', async (t) => {
  const { stores, registry } = await setUp(t);
  const made = await image(2);
  registry.push('me/app:v1', made);
  const manifest = JSON.parse(String(registry.manifests.get('me/app:v1')?.body));
  const pullOf = async (document: object, type = manifestType): Promise<unknown> => {
    registry.pushManifest('me/bad:v1', type, document);
    return await pull(stores, `${registry.host}/me/bad:v1`);
  };
  const mismatch = { message: "layers from manifest don't match image configuration" };
  await assert.rejects(pullOf({ ...manifest, layers: manifest.layers.slice(1) }), mismatch);
  await assert.rejects(pullOf({ ...manifest, layers: manifest.layers.toReversed() }), mismatch);
  await assert.rejects(pullOf({ ...manifest, layers: [{ ...manifest.layers[0], mediaType: 'application/x-evil' }, manifest.layers[1]] }), { message: 'unsupported media type application/x-evil' });
  await assert.rejects(pullOf({ ...manifest, mediaType: dockerManifestType, config: { ...manifest.config, mediaType: 'application/vnd.docker.plugin.v1+json' } }, dockerManifestType), { message: 'Encountered remote "application/vnd.docker.plugin.v1+json"(plugin) when fetching' });
  await assert.rejects(pullOf({ ...manifest, mediaType: dockerManifestType }), { message: `if present, mediaType in manifest should be '${manifestType}' not '${dockerManifestType}'` });
  await assert.rejects(pullOf({ ...manifest, mediaType: manifestType }, dockerManifestType), { message: `mediaType in manifest should be '${dockerManifestType}' not '${manifestType}'` });
  registry.manifests.set('me/bad:v1', { type: manifestType, body: Buffer.from('{"schemaVersion":2') });
  await assert.rejects(pull(stores, `${registry.host}/me/bad:v1`), { message: 'unexpected end of JSON input' });
  registry.push('me/bad:v1', imageOf(made.layers, { os: 'windows' }));
  await assert.rejects(pull(stores, `${registry.host}/me/bad:v1`), { message: 'image operating system "windows" cannot be used on this platform: operating system is not supported' });
  await assert.rejects(pullOf({ schemaVersion: 1, fsLayers: [] }, 'application/vnd.docker.distribution.manifest.v1+json'), /schema 1 support has been removed. Suggest the author of 127/);
  await assert.rejects(pullOf({ ...manifest, padding: 'x'.repeat(4 * 1024 * 1024) }), { code: 'registry.answer_too_large' });
  const bogus = imageOf([Buffer.from('no tar at all '.repeat(100))]);
  registry.push('me/bad:v2', bogus);
  await assert.rejects(pull(stores, `${registry.host}/me/bad:v2`), /^EngineError: failed to register layer: /);
  const digest = registry.push('me/app:v1', made);
  registry.manifests.set(`me/app@${digest}`, { type: manifestType, body: Buffer.from('{}') });
  await assert.rejects(pull(stores, `${registry.host}/me/app@${digest}`), { message: `manifest verification failed for digest ${digest}` });
  await assertNothingStays(stores);
});

test('an abort in the middle must stop every download and leave nothing', async (t) => {
  const { stores, registry } = await setUp(t);
  registry.push('me/app:v1', await image(5));
  const abort = new AbortController();
  let stalled = 0;
  registry.intercept = (request, response) => {
    const digest = /blobs\/(sha256:[0-9a-f]+)/.exec(request.url ?? '')?.[1] ?? '';
    const bytes = registry.blobs.get(digest);
    if (bytes === undefined || bytes.subarray(0, 2).toString('hex') !== '1f8b') return false;
    response.writeHead(200, { 'Content-Length': bytes.length });
    response.write(bytes.subarray(0, 1000));
    stalled++;
    if (stalled === 3) setImmediate(() => abort.abort(new Error('enough')));
    return true;
  };
  await assert.rejects(pull(stores, `${registry.host}/me/app:v1`, { signal: abort.signal }), { message: 'enough' });
  assert.equal(stalled, 3);
  await assertNothingStays(stores);
});

test('a consumer of the messages that leaves must stop the pull', async (t) => {
  const { stores, registry } = await setUp(t);
  registry.push('me/app:v1', await image(3));
  for await (const { status } of stores.store.pull(`${registry.host}/me/app:v1`, { signal: never })) if (status === 'Pulling fs layer') break;
  await assertNothingStays(stores);
});

test('a registry that cannot be reached must be told as Docker tells it, over HTTPS and then HTTP', async (t) => {
  const stores = await openStores(t);
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const { port } = holder.address() as AddressInfo;
  await new Promise((resolve) => holder.close(resolve));
  for (const host of ['127.0.0.1', 'localhost']) {
    await assert.rejects(pull(stores, `${host}:${port}/none:x`), {
      code: 'image.registry_unreachable',
      message: `Get "http://${host}:${port}/v2/": dial tcp 127.0.0.1:${port}: connect: connection refused`,
    });
  }
});

test('what can be bootstrapped must say so when its registry cannot be reached, with the command to run', () => {
  const unreachable = fail('registry.unreachable', { message: 'Get "https://registry.example/v2/": EOF' });
  const told = (name: string): EngineError => {
    const error = translatePullError(unreachable, parseReference(name));
    assert.ok(error instanceof EngineError);
    return error;
  };
  for (const [name, command] of [['busybox:latest', 'busybox'], ['debian:bookworm', 'debian:bookworm'], ['debian', 'debian']] as const) {
    assert.ok(told(name).message.startsWith('Get "https://registry.example/v2/": EOF\n'), name);
    assert.ok(told(name).message.endsWith(`dhow image bootstrap ${command}`), told(name).message);
    assert.equal(told(name).details['bootstrap'], command);
  }
  for (const name of ['alpine', 'localhost:1/busybox', 'busybox:1.0', 'debian:potato']) {
    assert.equal(told(name).message, 'Get "https://registry.example/v2/": EOF');
    assert.equal(told(name).details['bootstrap'], undefined);
  }
});

test('names that cannot be pulled must be refused before anything is asked', async (t) => {
  const stores = await openStores(t);
  await assert.rejects(pull(stores, 'scratch'), { code: 'image.reserved_name', message: "'scratch' is a reserved name" });
  await assert.rejects(pull(stores, 'Bad'), { code: 'image.invalid_reference' });
  await assert.rejects(pull(stores, 'x', { platform: 'a/b/c/d' }), { code: 'image.invalid_platform' });
});

test('a mirror must be asked before Docker Hub', async (t) => {
  const registry = await startRegistry(t);
  const stores = await openStores(t, { registry: { mirrors: [`http://${registry.host}`] } });
  const made = await image(1);
  registry.push('library/tiny:latest', made);
  await pull(stores, 'tiny:latest');
  assert.deepEqual(stores.store.namesOf(made.id).tags, ['tiny:latest']);
});
