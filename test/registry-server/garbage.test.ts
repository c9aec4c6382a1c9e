/** Online garbage collection: what nothing refers to goes, what is used or new stays, beside clients that push. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { askForCollection } from '#registry-server/control-socket.ts';
import { eventually } from '#test/fixtures/eventually.ts';
import { digestOf, imageOf, TestRegistry, types } from './test-registry.ts';

function fileOf(registry: TestRegistry, digest: string): string {
  return join(registry.storage, 'blobs', digest.slice(0, digest.indexOf(':')), digest.slice(7, 9), digest.slice(7));
}

test('blobs of deleted manifests must go, those still referred to stay, and the report tell how much', async () => {
  await using registry = await TestRegistry.start();
  const shared = randomBytes(5000);
  const [gone, kept] = [await registry.pushImage('a/gone', 'v1', { layer: shared }), await registry.pushImage('a/kept', 'v1', { layer: shared })];
  const own = await registry.pushBlob('a/gone', randomBytes(3000));
  await registry.putManifest('a/gone', 'v2', imageOf(gone.config, own));
  for (const reference of ['v1', 'v2']) {
    const digest = (await registry.request(`/v2/a/gone/manifests/${reference}`)).headers.get('docker-content-digest') ?? '';
    assert.equal(await registry.status(`/v2/a/gone/manifests/${digest}`, 'DELETE'), 202);
  }
  assert.deepEqual(await registry.server.collect({}), { manifests: 0, blobs: 0, bytes: 0, uploads: 0 });
  const report = await registry.server.collect({ grace: 0 });
  assert.deepEqual(report, { manifests: 0, blobs: 2, bytes: 3020, uploads: 0 });
  assert.equal(existsSync(fileOf(registry, own.digest)), false);
  assert.equal(await registry.status(`/v2/a/gone/blobs/${kept.layer.digest}`), 404);
  assert.equal(await registry.status(`/v2/a/kept/blobs/${kept.layer.digest}`, 'GET'), 200);
  assert.deepEqual(readdirSync(join(registry.storage, 'trash')), []);
  assert.equal((await registry.refusal('/v2/a/gone/tags/list')).code, 'NAME_UNKNOWN');
});

test('a blob that a client has just looked at must stay for the manifest that follows', async () => {
  await using registry = await TestRegistry.start();
  const image = await registry.pushImage('a/b', 'v1');
  assert.equal(await registry.status(`/v2/a/b/manifests/${image.digest}`, 'DELETE'), 202);
  // Pushed long ago, as far as the storage knows.
  await registry.close();
  const { DatabaseSync } = await import('node:sqlite');
  const database = new DatabaseSync(join(registry.storage, 'registry.db'));
  database.exec('UPDATE links SET touched = 0; UPDATE blobs SET created = 0');
  database.close();
  await registry.open();
  for (const { digest } of [image.layer, image.config]) assert.equal(await registry.status(`/v2/a/b/blobs/${digest}`), 200);
  assert.equal((await registry.server.collect({})).blobs, 0);
  assert.equal((await registry.putManifest('a/b', 'v2', imageOf(image.config, image.layer))).response.status, 201);
});

test('untagged manifests must go only when asked, and never what a tag, an index or a subject holds', async () => {
  await using registry = await TestRegistry.start();
  const lone = await registry.pushImage('a/b');
  const child = await registry.pushImage('a/b');
  const index = await registry.putManifest('a/b', 'multi', { schemaVersion: 2, mediaType: types.index, manifests: [{ mediaType: types.manifest, digest: child.digest, size: child.size }] }, { type: types.index });
  const tagged = await registry.pushImage('a/b', 'v1');
  const referrer = await registry.putManifest('a/b', undefined, imageOf(tagged.config, tagged.layer, { subject: { mediaType: types.manifest, digest: tagged.digest, size: tagged.size } }));
  assert.equal((await registry.server.collect({ grace: 0 })).manifests, 0);
  const report = await registry.server.collect({ grace: 0, untagged: true });
  assert.deepEqual([report.manifests, report.blobs], [1, 2]);
  assert.equal(await registry.status(`/v2/a/b/manifests/${lone.digest}`), 404);
  for (const { digest } of [child, index, tagged, referrer]) assert.equal(await registry.status(`/v2/a/b/manifests/${digest}`), 200);
  // Without its index the child goes in the same collection.
  assert.equal(await registry.status('/v2/a/b/manifests/multi', 'DELETE'), 202);
  assert.equal((await registry.server.collect({ grace: 0, untagged: true })).manifests, 2);
});

test('forgotten uploads and files without an owner must go, and uploads under way stay', async () => {
  await using registry = await TestRegistry.start();
  const [forgotten, running] = [await registry.beginUpload('a/b'), await registry.beginUpload('a/b')];
  const bytes = randomBytes(1000);
  let release: (() => void) | undefined;
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(bytes.subarray(0, 500));
      release = () => {
        controller.enqueue(bytes.subarray(500));
        controller.close();
      };
    },
  });
  const patch = registry.request(running, { method: 'PATCH', body, duplex: 'half' } as RequestInit);
  await eventually('the request is under way', async () => assert.equal(await registry.metric('running_requests'), 2));
  const stray = randomBytes(10);
  mkdirSync(join(registry.storage, 'blobs/sha256/aa'), { recursive: true });
  writeFileSync(join(registry.storage, 'blobs/sha256/aa', `aa${digestOf(stray).slice(9)}`), stray);
  const report = await registry.server.collect({ uploadLifetime: 0, grace: 0 });
  assert.equal(report.uploads, 1);
  assert.equal(await registry.status(forgotten, 'GET'), 404);
  assert.deepEqual(readdirSync(join(registry.storage, 'blobs/sha256/aa')), []);
  release?.();
  assert.equal((await patch).status, 202);
  assert.equal(await registry.status(`${running}?digest=${digestOf(bytes)}`, 'PUT'), 201);
});

test('every image that was accepted while garbage is collected again and again must be whole', async () => {
  await using registry = await TestRegistry.start();
  let isPushing = true;
  let removed = 0;
  const collecting = (async () => {
    // So short a grace takes blobs away between their push and their manifest's: then that is refused, and pushed again.
    while (isPushing) removed += (await registry.server.collect({ grace: 30 })).blobs;
  })();
  const layers = [randomBytes(2000), randomBytes(300_000)];
  const push = async (name: string, tag: string, layer: Uint8Array): Promise<string> => {
    for (;;) {
      try {
        return (await registry.pushImage(name, tag, { layer })).digest;
      } catch (error) {
        if (!String(error).includes('MANIFEST_BLOB_UNKNOWN')) throw error;
      }
    }
  };
  for (let round = 0; round < 12; round++) {
    await Promise.all(
      Array.from({ length: 4 }, async (_, index) => {
        const name = `busy/r${index}`;
        const digest = await push(name, `v${round}`, layers[index % 2] ?? assert.fail());
        if (round < 11) await registry.status(`/v2/${name}/manifests/${digest}`, 'DELETE');
      }),
    );
  }
  isPushing = false;
  await collecting;
  assert.ok(removed > 0, 'nothing was removed meanwhile');
  for (let index = 0; index < 4; index++) {
    const name = `busy/r${index}`;
    const manifest = (await (await registry.request(`/v2/${name}/manifests/v11`)).json()) as { config: { digest: string }; layers: { digest: string }[] };
    for (const { digest } of [manifest.config, ...manifest.layers]) {
      const blob = await registry.request(`/v2/${name}/blobs/${digest}`);
      assert.equal(digestOf(Buffer.from(await blob.arrayBuffer())), digest);
    }
  }
});

test('the administrator of the storage must be able to ask for a collection', async () => {
  await using registry = await TestRegistry.start();
  const image = await registry.pushImage('a/b');
  assert.equal((await askForCollection(registry.storage, { untagged: true, grace: undefined })).manifests, 0);
  const report = await askForCollection(registry.storage, { untagged: true, grace: '0s' });
  assert.deepEqual([report.manifests, report.blobs], [1, 2]);
  assert.equal(await registry.status(`/v2/a/b/manifests/${image.digest}`), 404);
  await assert.rejects(askForCollection(registry.storage, { untagged: false, grace: 'soon' }), /"soon" is no duration/);
  await registry.close();
  await assert.rejects(askForCollection(registry.storage, { untagged: false, grace: undefined }), { code: 'registry_server.not_running' });
});

test('garbage must be collected on schedule', async () => {
  await using registry = await TestRegistry.start({ garbage: { interval: '50ms', grace: '0s' } });
  const { digest } = await registry.pushBlob('a/b', randomBytes(10));
  await eventually('the blob is gone', async () => assert.equal(await registry.status(`/v2/a/b/blobs/${digest}`), 404));
  await eventually('it is counted', async () => assert.ok((await registry.metric('garbage_blobs_total')) >= 1));
});
