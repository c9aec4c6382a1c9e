/** Bad input, bad clients, bad luck: each gets a clear error, and nothing is half stored. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { request as requestPlain } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import { hashSync } from 'bcryptjs';
import { mount, unmount } from '#kernel/mounts.ts';
import { eventually } from '#test/fixtures/eventually.ts';
import { RegistryProcess } from './registry-process.ts';
import { digestOf, imageOf, TestRegistry, types } from './test-registry.ts';

/** What a raw connection is answered, whole. */
async function exchange(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk)).on('close', () => resolve()).on('error', () => resolve());
  socket.write(text);
  await promise;
  return answer;
}

function blobsIn(storage: string): string[] {
  return readdirSync(join(storage, 'blobs'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map(({ name }) => name);
}

test('a blob that does not have its digest must be refused, and nothing of it stay', async () => {
  await using registry = await TestRegistry.start();
  const wrong = digestOf(randomBytes(9));
  const location = await registry.beginUpload('a/b');
  const refused = await registry.refusal(`${location}?digest=${wrong}`, { method: 'PUT', body: randomBytes(1000) });
  assert.deepEqual([refused.status, refused.code], [400, 'DIGEST_INVALID']);
  assert.match(refused.message, /the 1000 bytes received do not have the digest sha256:/);
  const single = await registry.refusal(`/v2/a/b/blobs/uploads/?digest=${wrong}`, { method: 'POST', body: randomBytes(1000) });
  assert.equal(single.code, 'DIGEST_INVALID');
  assert.equal(await registry.status(location, 'GET'), 404);
  assert.deepEqual(blobsIn(registry.storage), []);
  assert.deepEqual(readdirSync(join(registry.storage, 'uploads')), []);
  for (const digest of ['', 'sha256:abc', 'md5:d41d8cd98f00b204e9800998ecf8427e', `sha256:${'z'.repeat(64)}`, `sha256:${'A'.repeat(64)}`, '../../etc/passwd']) {
    const answer = await registry.refusal(`${await registry.beginUpload('a/b')}?digest=${encodeURIComponent(digest)}`, { method: 'PUT' });
    assert.deepEqual([answer.status, answer.code], [400, 'DIGEST_INVALID'], digest);
  }
});

test('names that lead out of the storage, or are none, must be refused', async () => {
  await using registry = await TestRegistry.start();
  const names = ['..', 'a/../b', 'a/..%2f..%2fb', '%2e%2e/%2e%2e', 'a//b', '.a', 'a.', 'A/b', 'a/b\u0000', 'a b', 'a\\b', '-a', 'a/'.repeat(200) + 'b', 'ü'];
  for (const name of names) {
    // `fetch` would tidy the path up.
    const path = `/v2/${/%/.test(name) ? name : name.split('/').map(encodeURIComponent).join('/')}/blobs/uploads/`;
    const answer = await exchange(registry.port, `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 400 [\s\S]*NAME_INVALID/, name);
  }
  for (const id of ['..', '../../registry.db', 'x', '%2e%2e%2fregistry.db', '00000000-0000-0000-0000-000000000000']) {
    const answer = await exchange(registry.port, `PATCH /v2/a/b/blobs/uploads/${encodeURIComponent(id)} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 40[04] /, id);
  }
  for (const tag of ['.x', '-x', 'a'.repeat(129), 'ä']) assert.equal((await registry.refusal(`/v2/a/b/manifests/${encodeURIComponent(tag)}`, { method: 'PUT', body: '{}' })).code, 'TAG_INVALID');
  assert.equal((await registry.refusal('/v2/a/b/manifests/%zz')).status, 400);
  assert.deepEqual(readdirSync(registry.storage).filter((name) => !name.startsWith('registry.db')).sort(), ['blobs', 'control.sock', 'trash', 'uploads']);
});

test('a manifest that is too large, no JSON, of schema 1 or inconsistent must be refused with the reason', async () => {
  await using registry = await TestRegistry.start();
  const { config, layer } = await registry.pushImage('a/b', 'ok');
  const put = async (body: string | Uint8Array, type: string = types.manifest): ReturnType<TestRegistry['refusal']> => await registry.refusal('/v2/a/b/manifests/bad', { method: 'PUT', body: Buffer.from(body), headers: { 'Content-Type': type } });
  const limit = 4 * 1024 * 1024;
  const padded = JSON.stringify(imageOf(config, layer, { annotations: { pad: '' } }));
  const exact = padded.replace('"pad":""', `"pad":"${'x'.repeat(limit - padded.length)}"`);
  assert.equal(exact.length, limit);
  assert.equal(await registry.status('/v2/a/b/manifests/big', 'PUT', { body: exact, headers: { 'Content-Type': types.manifest } }), 201);
  assert.deepEqual(((answer) => [answer.status, answer.code])(await put(`${exact} `)), [413, 'MANIFEST_INVALID']);
  // Without a length told beforehand.
  const endless = new ReadableStream({ pull: (controller) => controller.enqueue(Buffer.alloc(65_536, 32)) });
  const streamed = await registry.refusal('/v2/a/b/manifests/bad', { method: 'PUT', body: endless, duplex: 'half', headers: { 'Content-Type': types.manifest } } as RequestInit).catch(() => undefined);
  if (streamed !== undefined) assert.equal(streamed.status, 413);
  const good = imageOf(config, layer) as Record<string, unknown>;
  const cases: readonly [string | Uint8Array, RegExp, string?][] = [
    ['', /not JSON/],
    ['[1]', /no object/],
    [Buffer.from([0x7b, 0xff, 0x7d]), /not JSON in UTF-8/],
    ['['.repeat(1_000_000), /not JSON/],
    [JSON.stringify({ schemaVersion: 1, fsLayers: [] }), /schema 1/],
    [JSON.stringify(good), /Content-Type is/, types.index],
    [JSON.stringify({ ...good, mediaType: undefined }), /not that of a manifest/, 'text/html'],
    [JSON.stringify({ ...good, config: undefined }), /config is no object/],
    [JSON.stringify({ ...good, layers: {} }), /layers is no list/],
    [JSON.stringify({ ...good, layers: [{ digest: 'x', size: 1 }] }), /layers\[0\]\.digest/],
    [JSON.stringify({ ...good, layers: [{ digest: layer.digest, size: -1 }] }), /layers\[0\]\.size/],
    [JSON.stringify({ ...good, layers: [{ digest: layer.digest, size: 1e99 }] }), /layers\[0\]\.size/],
    [JSON.stringify({ ...good, layers: Array.from({ length: 20_001 }, () => null) }), /20001 entries/],
    [JSON.stringify({ ...good, annotations: { a: 1 } }), /annotations\.a is no text/],
    [JSON.stringify({ ...good, subject: 'x' }), /subject is no object/],
  ];
  for (const [body, reason, type] of cases) {
    const answer = await put(body, type);
    assert.deepEqual([answer.status, answer.code], [400, 'MANIFEST_INVALID'], String(reason));
    assert.match(answer.message, reason);
  }
  const other = await registry.refusal(`/v2/a/b/manifests/${digestOf(randomBytes(1))}`, { method: 'PUT', body: JSON.stringify(good), headers: { 'Content-Type': types.manifest } });
  assert.equal(other.code, 'DIGEST_INVALID');
  assert.equal(await registry.status('/v2/a/b/manifests/bad'), 404);
});

test('a client that breaks off must find its upload where it broke', async () => {
  await using registry = await TestRegistry.start();
  const bytes = randomBytes(1_500_000);
  const location = await registry.beginUpload('a/b');
  const request = requestPlain(`${registry.url}${location}`, { method: 'PATCH', headers: { 'Content-Length': bytes.length } });
  request.on('error', () => undefined);
  request.write(bytes.subarray(0, 1_000_000));
  await eventually('the first half has come', () => assert.equal(statSync(join(registry.storage, 'uploads', location.split('/').at(-1) ?? '')).size > 200_000, true));
  request.destroy();
  // It waits until the broken request has let go.
  const state = await registry.request(location);
  assert.equal(state.status, 204);
  const next = Number(state.headers.get('range')?.slice(2)) + 1;
  assert.ok(next > 200_000 && next <= 1_000_000, `${next} bytes were kept`);
  const rest = { method: 'PATCH', body: bytes.subarray(next), headers: { 'Content-Range': `${next}-${bytes.length - 1}` } };
  assert.equal(await registry.status(location, 'PATCH', rest), 202);
  assert.equal(await registry.status(`${location}?digest=${digestOf(bytes)}`, 'PUT'), 201);
});

test('a client that comes back on a new connection must get the upload from the one that hangs', async () => {
  await using registry = await TestRegistry.start();
  const bytes = randomBytes(900_000);
  const location = await registry.beginUpload('a/b');
  const hanging = requestPlain(`${registry.url}${location}`, { method: 'PATCH', headers: { 'Content-Length': bytes.length } });
  const { promise: broken, resolve } = Promise.withResolvers<void>();
  hanging.on('error', () => resolve()).on('response', () => resolve());
  hanging.write(bytes.subarray(0, 700_000));
  await eventually('some of it has come', () => assert.ok(statSync(join(registry.storage, 'uploads', location.split('/').at(-1) ?? '')).size > 0));
  const next = Number((await registry.request(location)).headers.get('range')?.slice(2)) + 1;
  await broken;
  assert.equal(await registry.status(`${location}?digest=${digestOf(bytes)}`, 'PUT', { body: bytes.subarray(next), headers: { 'Content-Range': `${next}-899999` } }), 201);
});

test('heads that are too large, too slow or no HTTP must be answered and cut off', async () => {
  await using registry = await TestRegistry.start({ limits: { headers: '300ms' } });
  assert.match(await exchange(registry.port, `GET /v2/ HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1\.1 431 [\s\S]*16384 bytes/);
  assert.match(await exchange(registry.port, 'no http at all\r\n\r\n'), /^HTTP\/1\.1 400 [\s\S]*no HTTP request/);
  assert.match(await exchange(registry.port, 'GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Slow: '), /^HTTP\/1\.1 408 [\s\S]*did not come in time/);
  assert.match(await exchange(registry.port, 'POST /v2/a/b/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'), /^HTTP\/1\.1 400 /);
});

test('a body that stays away must be given up, with what has come kept', async () => {
  await using registry = await TestRegistry.start({ limits: { silence: '300ms' } });
  const location = await registry.beginUpload('a/b');
  const answer = await exchange(registry.port, `PATCH ${location} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n${'x'.repeat(10)}`);
  assert.match(answer, /^HTTP\/1\.1 408 [\s\S]*nothing came for too long/);
  assert.equal((await registry.request(location)).headers.get('range'), '0-9');
});

test('a client must not be cut off for the time the server needs', async () => {
  const users = mkdtempSync('/tmp/dhow-registry-users-');
  try {
    const htpasswd = join(users, 'htpasswd');
    // To check a password of this strength takes far longer than a connection may be silent.
    writeFileSync(htpasswd, `alice:${hashSync('secret', 11)}\n`);
    await using registry = await TestRegistry.start({ auth: { htpasswd }, limits: { silence: '50ms' } });
    const authorization = `Basic ${Buffer.from('alice:secret').toString('base64')}`;
    assert.equal(await registry.status('/v2/', 'GET', { headers: { Authorization: authorization } }), 200);
  } finally {
    rmSync(users, { recursive: true });
  }
});

test('a client that does not read must not hold a blob’s file for ever', async () => {
  await using registry = await TestRegistry.start({ limits: { silence: '300ms' } });
  const { digest } = await registry.pushBlob('a/b', randomBytes(20_000_000));
  const socket: Socket = connect(registry.port, '127.0.0.1');
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on('error', () => undefined).on('close', () => resolve());
  socket.write(`GET /v2/a/b/blobs/${digest} HTTP/1.1\r\nHost: x\r\n\r\n`);
  socket.pause();
  const running = (): Promise<number> => registry.metric('running_requests');
  await eventually('it is being sent', async () => assert.equal(await running(), 2));
  await eventually('it has been given up', async () => assert.equal(await running(), 1));
  socket.resume();
  await promise;
});

test('a full disk must be told as such, and the upload go on when there is room again', async () => {
  const directory = mkdtempSync('/tmp/dhow-registry-full-');
  mount({ source: 'tmpfs', target: directory, type: 'tmpfs', data: 'size=4m' });
  try {
    await using registry = await TestRegistry.start({ storage: join(directory, 'storage') });
    const ballast = await registry.pushBlob('a/ballast', randomBytes(1_500_000));
    const bytes = randomBytes(3_000_000);
    const location = await registry.beginUpload('a/b');
    const refused = await registry.refusal(location, { method: 'PATCH', body: bytes });
    assert.deepEqual([refused.status, refused.message], [507, 'the storage of the registry is full']);
    const next = Number((await registry.request(location)).headers.get('range')?.slice(2)) + 1;
    assert.equal(await registry.status(`/v2/a/ballast/blobs/${ballast.digest}`, 'DELETE'), 202);
    await registry.server.collect({ grace: 0 });
    const rest = bytes.subarray(next);
    assert.equal(await registry.status(`${location}?digest=${digestOf(bytes)}`, 'PUT', { body: rest }), 201);
    const pulled = await registry.request(`/v2/a/b/blobs/${digestOf(bytes)}`);
    assert.equal(digestOf(Buffer.from(await pulled.arrayBuffer())), digestOf(bytes));
  } finally {
    unmount(directory);
    rmSync(directory, { recursive: true });
  }
});

test('a blob whose file was lost must be told as missing and be pushed again', async () => {
  await using registry = await TestRegistry.start();
  const bytes = randomBytes(100);
  const { digest } = await registry.pushBlob('a/b', bytes);
  unlinkSync(join(registry.storage, 'blobs/sha256', digest.slice(7, 9), digest.slice(7)));
  assert.equal((await registry.refusal(`/v2/a/b/blobs/${digest}`)).code, 'BLOB_UNKNOWN');
  assert.match(registry.warnings.join('\n'), /has been lost/);
  await registry.pushBlob('a/b', bytes);
  assert.equal(await registry.status(`/v2/a/b/blobs/${digest}`, 'GET'), 200);
});

test('a server that is killed in the middle of pushes must come back with whole content only, and the uploads resumable', async () => {
  await using registry = await RegistryProcess.start();
  const bytes = randomBytes(3_000_000);
  const call = async (path: string, init: RequestInit = {}): Promise<Response> => await fetch(`${registry.url}${path}`, init);
  const done = randomBytes(50_000);
  assert.equal((await call(`/v2/a/b/blobs/uploads/?digest=${digestOf(done)}`, { method: 'POST', body: done })).status, 201);
  const location = (await call('/v2/a/b/blobs/uploads/', { method: 'POST' })).headers.get('location') ?? '';
  const request = requestPlain(`${registry.url}${location}`, { method: 'PATCH', headers: { 'Content-Length': bytes.length } });
  request.on('error', () => undefined);
  request.write(bytes.subarray(0, 2_000_000));
  const file = join(registry.storage, 'uploads', location.split('/').at(-1) ?? '');
  await eventually('a part has been written', () => assert.ok(statSync(file).size > 500_000));
  await registry.end('SIGKILL');
  await registry.launch();
  assert.deepEqual(blobsIn(registry.storage), [digestOf(done).slice(7)]);
  assert.equal((await call(`/v2/a/b/blobs/${digestOf(done)}`, { method: 'HEAD' })).status, 200);
  assert.equal((await call(`/v2/a/b/blobs/${digestOf(bytes)}`, { method: 'HEAD' })).status, 404);
  const state = await call(location);
  assert.equal(state.status, 204);
  const next = Number(state.headers.get('range')?.slice(2)) + 1;
  assert.ok(next > 500_000);
  const put = await call(`${location}?digest=${digestOf(bytes)}`, { method: 'PUT', body: bytes.subarray(next), headers: { 'Content-Range': `${next}-${bytes.length - 1}` } });
  assert.equal(put.status, 201);
  assert.equal((await call(`/v2/a/b/blobs/${digestOf(bytes)}`)).headers.get('content-length'), String(bytes.length));
});

test('an upload nobody was told of must not outlive the server', async () => {
  await using registry = await RegistryProcess.start({ garbage: { interval: '50ms' } });
  const request = requestPlain(`${registry.url}/v2/a/b/blobs/uploads/?digest=${digestOf(randomBytes(1))}`, { method: 'POST', headers: { 'Content-Length': 1_000_000 } });
  request.on('error', () => undefined);
  request.write(randomBytes(500_000));
  const uploads = (): string[] => readdirSync(join(registry.storage, 'uploads'));
  await eventually('it has begun', () => assert.equal(uploads().length, 1));
  await registry.end('SIGKILL');
  assert.equal(uploads().length, 1);
  await registry.launch();
  await eventually('it is gone', () => assert.equal(uploads().length, 0));
});

test('a storage must serve one server at a time', async () => {
  await using registry = await TestRegistry.start();
  await assert.rejects(TestRegistry.start({ storage: registry.storage }), { code: 'registry_server.storage_in_use' });
  assert.equal(await registry.status('/v2/'), 200);
});
