/** Copies of upstream registries: fetched once, served as they come, kept when the upstream is away. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import { hashSync } from 'bcryptjs';
import { eventually } from '#test/fixtures/eventually.ts';
import { digestOf, imageOf, TestRegistry, types } from './test-registry.ts';

/** An upstream that answers as the test wants, and counts. */
class FakeUpstream implements AsyncDisposable {
  readonly #server = createServer((request, response) => {
    const path = request.url ?? '';
    if (path === '/v2/') return void response.end('{}');
    this.requests.push(`${request.method} ${path}`);
    this.#answer(request, response);
  });
  readonly #answer: (request: IncomingMessage, response: ServerResponse) => void;
  readonly requests: string[] = [];

  private constructor(answer: (request: IncomingMessage, response: ServerResponse) => void) {
    this.#answer = answer;
  }

  static async start(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<FakeUpstream> {
    const upstream = new FakeUpstream(answer);
    const { promise, resolve } = Promise.withResolvers<void>();
    upstream.#server.listen(0, '127.0.0.1', () => resolve());
    await promise;
    return upstream;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  count(text: string): number {
    return this.requests.filter((request) => request.includes(text)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }
}

const copyOf = (url: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({ upstreams: [{ name: 'up.example', url, ...more }] });

test('an upstream’s image must be pulled through by prefix, by ns and by mirroring, and be here afterwards', async () => {
  await using upstream = await TestRegistry.start();
  const image = await upstream.pushImage('team/app', 'v1', { layer: randomBytes(800_000) });
  await using registry = await TestRegistry.start({ ...copyOf(upstream.url), mirror: 'up.example' });
  await registry.pushImage('own/thing', 'v1');
  for (const [path, query] of [['up.example/team/app', ''], ['team/app', '?ns=up.example'], ['team/app', '']] as const) {
    const manifest = await registry.request(`/v2/${path}/manifests/v1${query}`);
    assert.equal(manifest.status, 200, path);
    assert.equal(manifest.headers.get('docker-content-digest'), image.digest);
    assert.equal(manifest.headers.get('oci-namespace'), query === '' ? null : 'up.example');
    await manifest.arrayBuffer();
    const blob = await registry.request(`/v2/${path}/blobs/${image.layer.digest}${query}`);
    assert.equal(digestOf(Buffer.from(await blob.arrayBuffer())), image.layer.digest);
  }
  assert.equal(await registry.status('/v2/own/thing/manifests/v1'), 200);
  assert.equal(await registry.status('/v2/up.example/team/app/manifests/none'), 404);
  // A push that was only begun does not hide the upstream's image.
  await registry.beginUpload('team/app');
  assert.equal(await registry.status('/v2/team/app/manifests/v1'), 200);
  assert.equal(await registry.status('/v2/team/app/manifests/v1?ns=other.example'), 404);
  assert.deepEqual(await (await registry.request('/v2/up.example/team/app/tags/list')).json(), { name: 'up.example/team/app', tags: ['v1'] });
  const pushed = await registry.refusal('/v2/up.example/team/app/blobs/uploads/', { method: 'POST' });
  assert.deepEqual([pushed.status, pushed.code], [405, 'UNSUPPORTED']);
  await upstream.close();
  const away = await registry.request('/v2/up.example/team/app/manifests/v1');
  assert.equal(away.status, 200);
  for (const { digest } of [image.layer, image.config]) {
    const status = await registry.status(`/v2/up.example/team/app/blobs/${digest}`);
    assert.equal(status, digest === image.layer.digest ? 200 : 503);
  }
});

test('a tag must be asked for anew when it has grown old, and be served with a warning while the upstream is away', async () => {
  await using upstream = await TestRegistry.start();
  const first = await upstream.pushImage('team/app', 'latest');
  await using registry = await TestRegistry.start(copyOf(upstream.url, { tagLifetime: '0s' }));
  const pull = async (): Promise<Response> => await registry.request('/v2/up.example/team/app/manifests/latest');
  assert.equal((await pull()).headers.get('docker-content-digest'), first.digest);
  const second = await upstream.pushImage('team/app', 'latest');
  assert.equal((await pull()).headers.get('docker-content-digest'), second.digest);
  await upstream.close();
  const stale = await pull();
  assert.equal(stale.status, 200);
  assert.equal(stale.headers.get('docker-content-digest'), second.digest);
  assert.match(stale.headers.get('warning') ?? '', /^299 - "the upstream registry does not answer/);
  const unknown = await registry.refusal('/v2/up.example/team/other/manifests/latest');
  assert.deepEqual([unknown.status, unknown.code], [503, 'UNAVAILABLE']);
});

test('many askers for a blob must share one download and get it while it comes', async () => {
  const bytes = randomBytes(2_000_000);
  const digest = digestOf(bytes);
  let finish: (() => void) | undefined;
  await using upstream = await FakeUpstream.start((_request, response) => {
    response.writeHead(200, { 'Content-Length': bytes.length });
    response.write(bytes.subarray(0, 1_000_000));
    finish = () => response.end(bytes.subarray(1_000_000));
  });
  await using registry = await TestRegistry.start(copyOf(upstream.url));
  const path = `/v2/up.example/a/blobs/${digest}`;
  const askers = await Promise.all(Array.from({ length: 8 }, async () => await registry.request(path)));
  const first = askers[0]?.body?.getReader();
  // Bytes arrive before the upstream has sent them all.
  let seen = 0;
  while (seen < 500_000) seen += (await first?.read())?.value?.length ?? assert.fail('the body has ended');
  finish?.();
  const digests = await Promise.all(askers.slice(1).map(async (asker) => digestOf(Buffer.from(await asker.arrayBuffer()))));
  assert.deepEqual([...new Set(digests)], [digest]);
  const part = await registry.request(path, { headers: { Range: 'bytes=1999990-' } });
  assert.deepEqual(Buffer.from(await part.arrayBuffer()), bytes.subarray(1_999_990));
  assert.equal(upstream.count('GET'), 1);
  await first?.cancel();
});

test('a download that breaks must go on where it broke', async () => {
  const bytes = randomBytes(1_500_000);
  await using upstream = await FakeUpstream.start((request, response) => {
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const end = Math.min(start + 600_000, bytes.length);
    response.writeHead(start === 0 ? 200 : 206, { 'Content-Length': bytes.length - start, ...(start === 0 ? {} : { 'Content-Range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }) });
    response.write(bytes.subarray(start, end), () => (end === bytes.length ? response.end() : response.destroy()));
  });
  await using registry = await TestRegistry.start(copyOf(upstream.url));
  const blob = await registry.request(`/v2/up.example/a/blobs/${digestOf(bytes)}`);
  assert.equal(digestOf(Buffer.from(await blob.arrayBuffer())), digestOf(bytes));
  assert.ok(upstream.count('GET') >= 3);
});

test('content that does not have its digest must never be kept, and its askers be cut off', async () => {
  const good = randomBytes(700_000);
  const digest = digestOf(good);
  const manifest = Buffer.from(JSON.stringify(imageOf({ digest, size: 1 }, { digest, size: 1 })));
  await using upstream = await FakeUpstream.start((request, response) => {
    if (request.url?.includes('/manifests/') === true) response.writeHead(200, { 'Content-Type': types.manifest, 'Content-Length': manifest.length, 'Docker-Content-Digest': digest }).end(manifest);
    else response.writeHead(200, { 'Content-Length': good.length }).end(randomBytes(good.length));
  });
  await using registry = await TestRegistry.start(copyOf(upstream.url));
  const asked = await registry.request(`/v2/up.example/a/blobs/${digest}`);
  await assert.rejects(asked.arrayBuffer());
  await eventually('nothing of it is left', () => assert.deepEqual(readdirSync(join(registry.storage, 'uploads')), []));
  assert.equal(await registry.metric('stored_blobs'), 0);
  const refused = await registry.refusal('/v2/up.example/a/manifests/v1');
  assert.deepEqual([refused.status, refused.code], [503, 'UNAVAILABLE']);
  assert.match(refused.message, /has another digest/);
});

test('many askers for a tag must share one question to the upstream', async () => {
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: types.index, manifests: [] }));
  await using upstream = await FakeUpstream.start((request, response) => {
    response.writeHead(200, { 'Content-Type': types.index, 'Content-Length': manifest.length, 'Docker-Content-Digest': digestOf(manifest) });
    setTimeout(() => response.end(request.method === 'HEAD' ? undefined : manifest), 100);
  });
  await using registry = await TestRegistry.start(copyOf(upstream.url));
  const statuses = await Promise.all(Array.from({ length: 10 }, async () => await registry.status('/v2/up.example/a/manifests/v1', 'GET')));
  assert.deepEqual([...new Set(statuses)], [200]);
  assert.ok(upstream.count('GET') < 10 && upstream.count('HEAD') < 10, upstream.requests.join('\n'));
});

test('the upstream’s refusals must be told as what they are', async () => {
  await using upstream = await FakeUpstream.start((request, response) => {
    const status = Number(/\/s(\d+)\//.exec(request.url ?? '')?.[1]);
    response.writeHead(status, { 'Content-Length': 0 }).end();
  });
  await using registry = await TestRegistry.start(copyOf(upstream.url));
  for (const [status, expected, code] of [[404, 404, 'NAME_UNKNOWN'], [401, 404, 'DENIED'], [403, 404, 'DENIED'], [429, 429, 'TOOMANYREQUESTS'], [500, 503, 'UNAVAILABLE']] as const) {
    const manifest = await registry.refusal(`/v2/up.example/s${status}/manifests/v1`);
    assert.deepEqual([manifest.status, manifest.code], [expected, code], String(status));
    const blob = await registry.refusal(`/v2/up.example/s${status}/blobs/${digestOf(randomBytes(1))}`);
    assert.equal(blob.status, expected, String(status));
    assert.equal(await registry.status(`/v2/up.example/s${status}/blobs/${digestOf(randomBytes(1))}`), expected);
  }
});

test('an upstream that asks for credentials must get those kept for it, and clients never be asked for them', async () => {
  const directory = mkdtempSync('/tmp/dhow-registry-users-');
  try {
    const [htpasswd, password] = [join(directory, 'htpasswd'), join(directory, 'password')];
    writeFileSync(htpasswd, `puller:${hashSync('pw', 4)}\n`);
    writeFileSync(password, 'pw\n');
    const init = { headers: { Authorization: `Basic ${Buffer.from('puller:pw').toString('base64')}` } };
    for (const tokens of [false, true]) {
      await using upstream = await TestRegistry.start({ auth: { htpasswd, tokens } });
      const image = await upstream.pushImage('private/app', 'v1', { init });
      await using registry = await TestRegistry.start(copyOf(upstream.url, { username: 'puller', passwordFile: password }));
      assert.equal(await registry.status('/v2/up.example/private/app/manifests/v1', 'GET'), 200);
      assert.equal(await registry.status(`/v2/up.example/private/app/blobs/${image.layer.digest}`, 'GET'), 200);
      await using stranger = await TestRegistry.start(copyOf(upstream.url));
      const refused = await stranger.request('/v2/up.example/private/app/manifests/v1');
      assert.equal(refused.headers.get('www-authenticate'), null);
      assert.equal(refused.status, 404);
      assert.match(await refused.text(), /does not let this registry have it/);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('an upstream’s referrers must be found through the copy', async () => {
  await using upstream = await TestRegistry.start();
  const image = await upstream.pushImage('team/app', 'v1');
  const referrer = await upstream.putManifest('team/app', undefined, imageOf(image.config, image.layer, { artifactType: 'application/x.sbom', subject: { mediaType: types.manifest, digest: image.digest, size: image.size } }));
  await using registry = await TestRegistry.start(copyOf(upstream.url));
  const list = async (): Promise<string[]> => ((await (await registry.request(`/v2/up.example/team/app/referrers/${image.digest}`)).json()) as { manifests: { digest: string }[] }).manifests.map(({ digest }) => digest);
  assert.deepEqual(await list(), [referrer.digest]);
  await upstream.close();
  assert.deepEqual(await list(), [referrer.digest]);
});

test('copies nobody asks for must be given up after their time', async () => {
  await using upstream = await TestRegistry.start();
  const image = await upstream.pushImage('team/app', 'v1');
  await using registry = await TestRegistry.start({ ...copyOf(upstream.url), garbage: { grace: '0s', copyLifetime: '1ms' } });
  const own = await registry.pushImage('own/thing', 'v1');
  assert.equal(await registry.status('/v2/up.example/team/app/manifests/v1', 'GET'), 200);
  assert.equal(await registry.status(`/v2/up.example/team/app/blobs/${image.layer.digest}`, 'GET'), 200);
  await eventually('the copy is gone', async () => assert.equal((await registry.server.collect({})).blobs, 1));
  assert.equal(await registry.status(`/v2/own/thing/blobs/${own.layer.digest}`), 200);
  assert.equal(await registry.metric('stored_manifests'), 1);
});
