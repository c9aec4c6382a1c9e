import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { GzipProgram } from '#image/layer/gzip-program.ts';
import type { ProgressMessage } from '#schema/image-views.ts';
import { digestOf, dockerArchive, imageOf, layerOf, load, messagesOf, never, openStores, type MadeImage, type Stores } from './image-fixture.ts';
import { startPushTarget, type PushTarget } from './push-target.ts';
import { dockerManifestType, indexType, manifestType, noise, refuse, startRegistry } from './registry-fixture.ts';

async function push({ store }: Stores, reference: string, options: { authorization?: string; signal?: AbortSignal } = {}): Promise<ProgressMessage[]> {
  return await messagesOf(store.push(reference, { signal: never, ...options }));
}

async function image(layers: number, { size = 20_000, extra = {} }: { size?: number; extra?: Record<string, unknown> } = {}): Promise<MadeImage> {
  return imageOf(await Promise.all(Array.from({ length: layers }, async (_unused, index) => await layerOf({ [`file${index}`]: noise(`${index}`, size) }))), extra);
}

/** Stores that have the image under this name in the registry's domain. */
async function withImage(t: TestContext, made: MadeImage, name: string): Promise<{ stores: Stores; target: PushTarget; reference: string }> {
  const [stores, target] = [await openStores(t), await startPushTarget(t)];
  const reference = `${target.host}/${name}`;
  await load(stores, dockerArchive([{ image: made, tags: [reference] }]));
  stores.events.length = 0;
  return { stores, target, reference };
}

const statusesOf = (messages: readonly ProgressMessage[], diffId: string): string[] => messages.filter(({ id, status }) => id === diffId.slice(7, 19) && status !== 'Pushing' && status !== 'Waiting').map(({ status }) => status ?? '');
const uploads = ({ requests }: PushTarget): string[] => requests.filter((request) => /^(POST|PATCH)/.test(request));

test('an image must be pushed with its layers compressed, by a manifest of Docker’s, with Docker’s messages', async (t) => {
  const made = await image(3);
  const { stores, target, reference } = await withImage(t, made, 'me/app:v1');
  const messages = await push(stores, reference);
  const entry = target.manifests.get('me/app:v1');
  assert.ok(entry !== undefined);
  assert.equal(entry.type, dockerManifestType);
  const digest = digestOf(entry.body);
  assert.deepEqual(messages[0], { status: `The push refers to repository [${target.host}/me/app]` });
  assert.deepEqual(messages.slice(1, 4).map(({ id }) => id), made.diffIds.toReversed().map((diffId) => diffId.slice(7, 19)));
  for (const diffId of made.diffIds) assert.deepEqual(statusesOf(messages, diffId), ['Preparing', 'Pushed']);
  assert.deepEqual(messages.slice(-2), [
    { status: `v1: digest: ${digest} size: ${entry.body.length}` },
    { progressDetail: {}, aux: { Tag: 'v1', Digest: digest, Size: entry.body.length } },
  ]);
  const manifest = JSON.parse(entry.body.toString()) as { config: { digest: string }; layers: { digest: string; size: number }[] };
  assert.equal(entry.body.toString(), JSON.stringify(manifest, null, 3));
  assert.ok(target.blobs.get(`me/app@${manifest.config.digest}`)?.equals(made.configuration));
  const layers = manifest.layers.map((layer) => gunzipSync(target.blobs.get(`me/app@${layer.digest}`) ?? Buffer.alloc(0)));
  assert.deepEqual(layers.map(digestOf), made.diffIds);
  assert.deepEqual(stores.store.namesOf(made.id), { tags: [reference], digests: [`${target.host}/me/app@${digest}`] });
  assert.deepEqual(stores.events, [{ action: 'push', id: reference, attributes: { name: `${target.host}/me/app` } }]);
});

test('what a repository has must not be sent again, and every tag of it be pushed', async (t) => {
  const made = await image(2);
  const { stores, target, reference } = await withImage(t, made, 'me/app:v1');
  await push(stores, reference);
  stores.store.tag(reference, `${target.host}/me/app`, 'v2');
  target.requests.length = 0;
  const messages = await push(stores, `${target.host}/me/app`);
  assert.deepEqual(uploads(target), []);
  for (const diffId of made.diffIds) assert.deepEqual(statusesOf(messages, diffId), ['Preparing', 'Layer already exists', 'Preparing', 'Layer already exists']);
  assert.deepEqual(target.manifests.get('me/app:v1'), target.manifests.get('me/app:v2'));
});

test('layers must be mounted from another repository of the registry', async (t) => {
  const made = await image(2);
  const { stores, target, reference } = await withImage(t, made, 'me/app:v1');
  await push(stores, reference);
  stores.store.tag(reference, `${target.host}/you/copy`, 'v1');
  target.requests.length = 0;
  const messages = await push(stores, `${target.host}/you/copy:v1`);
  for (const diffId of made.diffIds) assert.deepEqual(statusesOf(messages, diffId), ['Preparing', 'Mounted from me/app']);
  assert.deepEqual(target.requests.filter((request) => request.startsWith('PATCH')), []);
  assert.deepEqual(target.manifests.get('you/copy:v1'), target.manifests.get('me/app:v1'));
});

test('the same image must be the same manifest from whatever store it is pushed', async (t) => {
  const made = await image(2, { size: 700_000 });
  const [one, two] = [await withImage(t, made, 'me/app:v1'), await withImage(t, made, 'me/app:v1')];
  await Promise.all([push(one.stores, one.reference), push(two.stores, two.reference)]);
  assert.ok(one.target.manifests.get('me/app:v1')?.body.equals(two.target.manifests.get('me/app:v1')?.body ?? Buffer.alloc(0)));
});

test('a pulled image must be pushed as it came: the same manifest, the same layers', async (t) => {
  const [stores, source, target] = [await openStores(t), await startRegistry(t), await startPushTarget(t)];
  const digest = source.push('me/app:v1', await image(3));
  await messagesOf(stores.store.pull(`${source.host}/me/app:v1`, { signal: never }));
  stores.store.tag(`${source.host}/me/app:v1`, `${target.host}/mine`, 'v1');
  const messages = await push(stores, `${target.host}/mine:v1`);
  assert.equal(messages.at(-2)?.status?.startsWith(`v1: digest: ${digest} size: `), true);
  const pushed = target.manifests.get('mine:v1');
  assert.equal(pushed?.type, manifestType);
  assert.deepEqual(pushed?.body, source.manifests.get('me/app:v1')?.body);
});

test('a pulled image must keep its digest within its registry, also when layers of it were here before it was pulled', async (t) => {
  const layers = [await layerOf({ base: 'base' }), await layerOf({ own: noise('own', 20_000) })];
  const [base, made] = [imageOf(layers.slice(0, 1)), imageOf(layers)];
  const { stores: origin, target, reference } = await withImage(t, made, 'me/app:v1');
  await push(origin, reference);
  const stores = await openStores(t);
  await load(stores, dockerArchive([{ image: base, tags: ['base:1'] }]));
  const { layers: sent } = JSON.parse(target.manifests.get('me/app:v1')?.body.toString() ?? '') as { layers: { digest: string }[] };
  await messagesOf(stores.store.pull(reference, { signal: never }));
  assert.deepEqual(target.requests.filter((request) => request.includes(`GET /v2/me/app/blobs/${sent[0]?.digest}`)), []);
  stores.store.tag(reference, `${target.host}/you/copy`, 'v1');
  target.requests.length = 0;
  await push(stores, `${target.host}/you/copy:v1`);
  assert.deepEqual(target.requests.filter((request) => request.startsWith('PATCH')), []);
  assert.deepEqual(target.manifests.get('you/copy:v1'), target.manifests.get('me/app:v1'));
});

test('a mount that the registry refuses must be done without', async (t) => {
  const made = await image(1);
  const { stores, target, reference } = await withImage(t, made, 'me/app:v1');
  await push(stores, reference);
  stores.store.tag(reference, `${target.host}/you/copy`, 'v1');
  target.intercept = (request, response) => {
    if (request.method !== 'POST' || request.url?.includes('mount=') !== true) return false;
    refuse(response, 403, { code: 'DENIED', message: 'requested access to the resource is denied', detail: [] });
    return true;
  };
  const messages = await push(stores, `${target.host}/you/copy:v1`);
  for (const diffId of made.diffIds) assert.deepEqual(statusesOf(messages, diffId), ['Preparing', 'Pushed']);
});

test('an index must be pushed whole when all of it is here, and else the manifest of the image', async (t) => {
  const [stores, source, target] = [await openStores(t), await startRegistry(t), await startPushTarget(t)];
  const [amd, arm] = [source.push('me/app@', await image(1)), source.push('me/app@', await image(2, { extra: { architecture: 'arm64' } }))];
  const entry = (digest: string, architecture: string): object => ({ mediaType: manifestType, digest, size: source.manifests.get(`me/app@${digest}`)?.body.length, platform: { os: 'linux', architecture } });
  const index = source.pushManifest('me/app:v1', indexType, { schemaVersion: 2, mediaType: indexType, manifests: [entry(amd, 'amd64'), entry(arm, 'arm64')] });
  const name = `${source.host}/me/app:v1`;
  await messagesOf(stores.store.pull(name, { platform: 'linux/amd64', signal: never }));
  stores.store.tag(name, `${target.host}/part`, 'v1');
  await push(stores, `${target.host}/part:v1`);
  assert.equal(digestOf(target.manifests.get('part:v1')?.body ?? ''), amd);
  await messagesOf(stores.store.pull(name, { platform: 'linux/arm64', signal: never }));
  await messagesOf(stores.store.pull(name, { platform: 'linux/amd64', signal: never }));
  stores.store.tag(name, `${target.host}/whole`, 'v1');
  const messages = await push(stores, `${target.host}/whole:v1`);
  assert.equal(messages.at(-2)?.status?.startsWith(`v1: digest: ${index} size: `), true);
  assert.deepEqual(target.manifests.get('whole:v1')?.body, source.manifests.get('me/app:v1')?.body);
  assert.ok(target.manifests.has(`whole@${arm}`) && target.manifests.has(`whole@${amd}`));
  const messages2 = await messagesOf(stores.store.push(`${target.host}/whole:v1`, { platform: { os: 'linux', architecture: 'arm64' }, signal: never }));
  assert.equal(messages2.at(-2)?.status?.startsWith(`v1: digest: ${arm} size: `), true);
  await assert.rejects(messagesOf(stores.store.push(`${target.host}/whole:v1`, { platform: { os: 'linux', architecture: 's390x' }, signal: never })), {
    message: `image with reference ${target.host}/whole:v1 was found but its platform (linux/amd64) does not match the specified platform (linux/s390x)`,
  });
});

test('an upload that breaks off must go on where it did', async (t) => {
  const made = await image(1, { size: 6_000_000 });
  const { stores, target, reference } = await withImage(t, made, 'me/app:v1');
  target.cutAfter = 3_000_000;
  const messages = await push(stores, reference);
  assert.deepEqual(statusesOf(messages, made.diffIds[0] ?? '').filter((status) => !status.startsWith('Retrying')), ['Preparing', 'Pushed']);
  assert.ok(messages.some(({ status }) => status === 'Retrying in 1 second'));
  const [layer] = (JSON.parse(target.manifests.get('me/app:v1')?.body.toString() ?? '') as { layers: { digest: string; size: number }[] }).layers;
  // The configuration's some hundred bytes and the layer once.
  assert.ok(target.received < (layer?.size ?? 0) + 2_000, `${target.received} bytes for ${layer?.size}`);
  target.manifests.clear();
  target.blobs.clear();
  target.received = 0;
  target.cutAfter = 3_000_000;
  // The blob is kept now: it is sent in one piece, and goes on in the same way.
  await push(stores, reference);
  assert.ok(target.received < (layer?.size ?? 0) + 2_000, `${target.received} bytes for ${layer?.size}`);
});

test('a program that fails to compress a layer must not keep it from being pushed whole, and nothing of its work be kept', async (t) => {
  const made = await image(2, { size: 3_000_000 });
  const calls = join(mkdtempSync(join(tmpdir(), 'dhow-push-')), 'calls');
  t.after(() => rmSync(dirname(calls), { recursive: true }));
  // It stops in the middle of what it makes, as if that were all.
  const program = join(dirname(calls), 'igzip');
  writeFileSync(program, `#!/bin/sh\necho call >> ${calls}\ngzip -1 -c | head -c 1000000\n`, { mode: 0o755 });
  const [stores, target] = [await openStores(t, { gzip: new GzipProgram(() => program) }), await startPushTarget(t)];
  const reference = `${target.host}/me/app:v1`;
  await load(stores, dockerArchive([{ image: made, tags: [reference] }]));
  await push(stores, reference);
  assert.ok(readFileSync(calls, 'utf8').startsWith('call'));
  const { layers } = JSON.parse(target.manifests.get('me/app:v1')?.body.toString() ?? '') as { layers: { digest: string }[] };
  assert.deepEqual(layers.map(({ digest }) => digestOf(gunzipSync(target.blobs.get(`me/app@${digest}`) ?? Buffer.alloc(0)))), made.diffIds);
  for (const { digest } of layers) assert.equal(digestOf(readFileSync(join(stores.dataRoot, 'content/blobs', digest.replace(':', '/')))), digest);
  assert.deepEqual(readdirSync(join(stores.dataRoot, 'content/ingest')), []);
  assert.equal(readdirSync(join(stores.dataRoot, 'content/blobs/sha256')).length, layers.length + 2);
});

test('a registry that has too much to do must be asked again', async (t) => {
  const { stores, target, reference } = await withImage(t, await image(1), 'me/app:v1');
  let refusals = 2;
  target.intercept = (request, response) => {
    if (request.method !== 'POST' || refusals === 0) return false;
    refusals--;
    if (refusals === 1) response.writeHead(503, { 'Retry-After': '2' }).end();
    else refuse(response, 429, { code: 'TOOMANYREQUESTS', message: 'slow down', detail: {} });
    return true;
  };
  const messages = await push(stores, reference);
  const waits = messages.filter(({ status }) => status?.startsWith('Retrying') === true).map(({ status }) => status);
  assert.deepEqual(waits.slice(0, 3), ['Retrying in 2 seconds', 'Retrying in 1 second', 'Retrying in 10 seconds']);
  assert.ok(target.manifests.has('me/app:v1'));
});

test('no more than five layers must be uploaded at once, and those before them said to wait', async (t) => {
  const { stores, target, reference } = await withImage(t, await image(8), 'me/app:v1');
  target.intercept = async (request) => {
    if (request.method === 'PATCH') await delay(20);
    return false;
  };
  const messages = await push(stores, reference);
  assert.equal(messages.filter(({ status }) => status === 'Waiting').length, 3);
  assert.ok(target.busiest() <= 5, `${target.busiest()} at once`);
});

test('a layer that an image has twice must be sent once', async (t) => {
  const layer = await layerOf({ same: 'same' });
  const { stores, target, reference } = await withImage(t, imageOf([layer, await layerOf({ between: 'x' }), layer]), 'me/twice:1');
  await push(stores, reference);
  const { layers } = JSON.parse(target.manifests.get('me/twice:1')?.body.toString() ?? '') as { layers: { digest: string }[] };
  assert.equal(layers.length, 3);
  assert.equal(layers[0]?.digest, layers[2]?.digest);
  assert.equal(target.requests.filter((request) => request.startsWith('PATCH')).length, 2);
});

test('what stands in the way of a push must be told in Docker’s words', async (t) => {
  const { stores, target, reference } = await withImage(t, await image(1), 'me/app:v1');
  const failing = async (name: string): Promise<string> => {
    try {
      await push(stores, name);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    return '';
  };
  assert.equal(await failing(`${target.host}/me/none:v1`), `An image does not exist locally with the tag: ${target.host}/me/none`);
  assert.equal(await failing(`${target.host}/me/app:none`), `tag does not exist: ${target.host}/me/app:none`);
  assert.match(await failing('127.0.0.1:1/me/none:v1'), /^An image does not exist locally/);
  stores.store.tag(reference, '127.0.0.1:1/me/app', 'v1');
  assert.equal(await failing('127.0.0.1:1/me/app:v1'), 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused');
  target.intercept = (request, response) => {
    if (request.method !== 'POST') return false;
    refuse(response, 403, { code: 'DENIED', message: 'requested access to the resource is denied', detail: [] });
    return true;
  };
  assert.equal(await failing(reference), 'denied: requested access to the resource is denied');
  target.intercept = (request, response) => {
    if (request.method !== 'POST') return false;
    response.setHeader('WWW-Authenticate', 'Bearer realm="http://127.0.0.1:1/token",service="x",error="insufficient_scope"');
    refuse(response, 403, { code: 'UNAUTHORIZED', message: 'authentication required', detail: [] });
    return true;
  };
  assert.equal(await failing(reference), 'denied: requested access to the resource is denied');
  target.intercept = (request, response) => {
    if (request.method !== 'PUT' || request.url?.includes('/manifests/') !== true) return false;
    refuse(response, 400, { code: 'TAG_INVALID', message: 'manifest tag did not match URI', detail: {} });
    return true;
  };
  assert.equal(await failing(reference), 'tag invalid: manifest tag did not match URI');
});

test('a push that is given up must end at once, and the next one succeed', async (t) => {
  const { stores, target, reference } = await withImage(t, await image(2, { size: 3_000_000 }), 'me/app:v1');
  const leaving = new AbortController();
  target.intercept = (request) => {
    if (request.method !== 'PATCH') return false;
    leaving.abort(new Error('enough'));
    return true;
  };
  await assert.rejects(push(stores, reference, { signal: leaving.signal }), { message: 'enough' });
  target.intercept = undefined;
  await push(stores, reference);
  assert.ok(target.manifests.has('me/app:v1'));
});
