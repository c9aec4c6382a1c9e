/** The registry's API as the OCI distribution specification 1.1 has it: pull, push, discovery, management. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import test from 'node:test';
import { digestOf, imageOf, TestRegistry, types } from './test-registry.ts';

const octets = { 'Content-Type': 'application/octet-stream' };

test('the base address must tell that this is a registry', async () => {
  await using registry = await TestRegistry.start();
  for (const path of ['/v2/', '/v2']) {
    const response = await registry.request(path);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('docker-distribution-api-version'), 'registry/2.0');
  }
  assert.equal(await registry.status('/v2/', 'POST'), 405);
  assert.equal(await registry.status('/nothing', 'GET'), 404);
});

test('a blob must be pushed by POST and PUT, by POST alone, in chunks and as a stream, and be pulled as it was', async () => {
  await using registry = await TestRegistry.start();
  const bytes = randomBytes(700_000);
  const digest = digestOf(bytes);
  const whole = async (repository: string): Promise<void> => {
    const response = await registry.request(`/v2/${repository}/blobs/${digest}`);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('docker-content-digest'), digest);
    assert.equal(response.headers.get('content-length'), String(bytes.length));
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytes);
  };

  const put = await registry.request(`${await registry.beginUpload('a/put')}?digest=${digest}`, { method: 'PUT', body: bytes, headers: octets });
  assert.equal(put.status, 201);
  assert.equal(put.headers.get('location'), `/v2/a/put/blobs/${digest}`);
  await whole('a/put');

  await registry.pushBlob('a/post', bytes);
  await whole('a/post');

  let location = await registry.beginUpload('a/chunks');
  for (const [start, end] of [[0, 300_000], [300_000, 600_000]] as const) {
    const patch = await registry.request(location, { method: 'PATCH', body: bytes.subarray(start, end), headers: { ...octets, 'Content-Range': `${start}-${end - 1}` } });
    assert.equal(patch.status, 202);
    assert.equal(patch.headers.get('range'), `0-${end - 1}`);
    location = patch.headers.get('location') ?? '';
    const asked = await registry.request(location);
    assert.equal(asked.status, 204);
    assert.equal(asked.headers.get('range'), `0-${end - 1}`);
  }
  const closed = await registry.request(`${location}?digest=${digest}`, { method: 'PUT', body: bytes.subarray(600_000), headers: { ...octets, 'Content-Range': '600000-699999' } });
  assert.equal(closed.status, 201);
  await whole('a/chunks');

  const streamed = await registry.beginUpload('a/stream');
  const body = new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += 100_000) controller.enqueue(bytes.subarray(at, at + 100_000));
      controller.close();
    },
  });
  const patch = await registry.request(streamed, { method: 'PATCH', body, duplex: 'half' } as RequestInit);
  assert.equal(patch.status, 202);
  assert.equal(await registry.status(`${streamed}?digest=${digest}`, 'PUT'), 201);
  await whole('a/stream');
});

test('a chunk that does not follow the last one must be refused with what has come so far', async () => {
  await using registry = await TestRegistry.start();
  const location = await registry.beginUpload('a/b');
  const chunk = (range: string): Promise<Response> => registry.request(location, { method: 'PATCH', body: randomBytes(10), headers: { ...octets, 'Content-Range': range } });
  assert.equal((await chunk('5-14')).status, 416);
  assert.equal((await chunk('0-9')).status, 202);
  for (const range of ['0-9', '11-20', '10-5', 'x', '-5', '10-', '99999999999999999999-99999999999999999999']) {
    const refused = await chunk(range);
    assert.equal(refused.status, 416, range);
    assert.equal(refused.headers.get('range'), '0-9');
    assert.equal(refused.headers.get('location'), location);
    await refused.arrayBuffer();
  }
  assert.equal((await registry.refusal(location, { method: 'PATCH', body: randomBytes(10), headers: { 'Content-Range': '10-99' } })).code, 'SIZE_INVALID');
  assert.equal((await chunk('10-19')).status, 202);
});

test('an upload must be known in its own repository alone, and be gone once it was cancelled or finished', async () => {
  await using registry = await TestRegistry.start();
  const location = await registry.beginUpload('a/b');
  assert.equal((await registry.refusal(location.replace('/a/b/', '/a/other/'))).code, 'BLOB_UPLOAD_UNKNOWN');
  assert.equal(await registry.status(location, 'DELETE'), 204);
  for (const method of ['GET', 'PATCH', 'DELETE']) assert.equal(await registry.status(location, method), 404);
  const second = await registry.beginUpload('a/b');
  assert.equal(await registry.status(`${second}?digest=${digestOf(Buffer.alloc(0))}`, 'PUT'), 201);
  assert.equal((await registry.refusal(`${second}?digest=${digestOf(Buffer.alloc(0))}`, { method: 'PUT' })).code, 'BLOB_UPLOAD_UNKNOWN');
});

test('blobs and manifests must be of sha512 and sha384, too', async () => {
  await using registry = await TestRegistry.start();
  const bytes = randomBytes(5000);
  for (const algorithm of ['sha512', 'sha384']) {
    const digest = digestOf(bytes, algorithm);
    const told = await registry.beginUpload('a/told', `?digest-algorithm=${algorithm}`);
    assert.equal(await registry.status(`${told}?digest=${digest}`, 'PUT', { body: bytes }), 201);
    // A client that did not say so at the beginning.
    const untold = await registry.beginUpload('a/untold');
    assert.equal(await registry.status(untold, 'PATCH', { body: bytes }), 202);
    assert.equal(await registry.status(`${untold}?digest=${digest}`, 'PUT'), 201);
    assert.equal(await registry.status(`/v2/a/untold/blobs/${digest}`), 200);
  }
  const { layer, config } = await registry.pushImage('a/m', 'x');
  const manifest = Buffer.from(JSON.stringify(imageOf(config, layer)));
  const digest = digestOf(manifest, 'sha512');
  const put = await registry.request(`/v2/a/m/manifests/${digest}?tag=one&tag=two`, { method: 'PUT', body: manifest, headers: { 'Content-Type': types.manifest } });
  assert.equal(put.status, 201);
  assert.equal(put.headers.get('oci-tag'), 'one, two');
  assert.equal((await registry.request('/v2/a/m/manifests/two')).headers.get('docker-content-digest'), digest);
  assert.equal((await registry.refusal('/v2/a/b/blobs/uploads/?digest-algorithm=md5', { method: 'POST' })).code, 'DIGEST_INVALID');
});

test('a blob must be mounted from another repository, named or found, and be uploaded where it is nowhere', async () => {
  await using registry = await TestRegistry.start();
  const { digest } = await registry.pushBlob('a/source', randomBytes(50));
  const mount = async (to: string, query: string): Promise<number> => await registry.status(`/v2/${to}/blobs/uploads/?${query}`, 'POST');
  assert.equal(await mount('b/one', `mount=${digest}&from=a/source`), 201);
  assert.equal(await registry.status(`/v2/b/one/blobs/${digest}`), 200);
  assert.equal(await mount('b/two', `mount=${digest}`), 201);
  assert.equal(await mount('b/three', `mount=${digest}&from=a/unknown`), 202);
  assert.equal(await mount('b/three', `mount=${digestOf(randomBytes(8))}&from=a/source`), 202);
  assert.equal(await registry.status(`/v2/b/three/blobs/${digest}`), 404);
});

test('ranges of a blob must be sent as RFC 9110 has it', async () => {
  await using registry = await TestRegistry.start();
  const bytes = randomBytes(600_000);
  const { digest } = await registry.pushBlob('a/b', bytes);
  const get = async (range: string): Promise<Response> => await registry.request(`/v2/a/b/blobs/${digest}`, { headers: { Range: range } });
  for (const [range, start, end] of [['bytes=0-0', 0, 1], ['bytes=100-299999', 100, 300_000], ['bytes=599999-', 599_999, 600_000], ['bytes=-10', 599_990, 600_000], ['bytes=10-9999999', 10, 600_000], ['bytes=-9999999', 0, 600_000]] as const) {
    const response = await get(range);
    assert.equal(response.status, 206, range);
    assert.equal(response.headers.get('content-range'), `bytes ${start}-${end - 1}/600000`);
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytes.subarray(start, end));
  }
  for (const range of ['bytes=600000-', 'bytes=-0', 'bytes=9999999-99999999']) {
    const response = await get(range);
    assert.equal(response.status, 416, range);
    assert.equal(response.headers.get('content-range'), 'bytes */600000');
    await response.arrayBuffer();
  }
  for (const range of ['bytes=5-2', 'lines=1-2', 'bytes=0-1,5-6', 'bytes=-', `bytes=${'0-1,'.repeat(500)}2-3`]) {
    const response = await get(range);
    assert.equal(response.status, 200, range);
    assert.equal((await response.arrayBuffer()).byteLength, bytes.length);
  }
  assert.equal(await registry.status(`/v2/a/b/blobs/${digest}`, 'GET', { headers: { 'If-None-Match': `"${digest}"` } }), 304);
});

test('a manifest must come back byte for byte by tag and digest, and what it lacks must be named', async () => {
  await using registry = await TestRegistry.start();
  const image = await registry.pushImage('a/b', 'v1');
  const byTag = await registry.request('/v2/a/b/manifests/v1');
  const bytes = Buffer.from(await byTag.arrayBuffer());
  assert.equal(digestOf(bytes), image.digest);
  assert.equal(byTag.headers.get('content-type'), types.manifest);
  assert.equal(byTag.headers.get('docker-content-digest'), image.digest);
  const head = await registry.request(`/v2/a/b/manifests/${image.digest}`, { method: 'HEAD' });
  assert.equal(head.headers.get('content-length'), String(bytes.length));
  assert.equal(await registry.status('/v2/a/b/manifests/none'), 404);
  assert.equal((await registry.refusal('/v2/a/b/manifests/none')).code, 'MANIFEST_UNKNOWN');
  assert.equal((await registry.refusal('/v2/no/such/manifests/none')).code, 'NAME_UNKNOWN');

  const missing = { digest: digestOf(randomBytes(3)), size: 3 };
  const refused = await registry.putManifest('a/b', 'v2', imageOf(image.config, missing));
  assert.equal(refused.response.status, 404);
  assert.match(await refused.response.text(), new RegExp(`MANIFEST_BLOB_UNKNOWN.*${missing.digest}`));
  // Another repository's blobs are not this one's.
  const foreign = await registry.putManifest('c/d', 'v1', imageOf(image.config, image.layer));
  assert.equal(foreign.response.status, 404);
});

test('an index must refer to manifests that are there, unless the registry was told otherwise', async () => {
  const entry = { mediaType: types.manifest, digest: digestOf(randomBytes(4)), size: 100 };
  const index = { schemaVersion: 2, mediaType: types.index, manifests: [entry] };
  await using strict = await TestRegistry.start();
  assert.equal((await strict.putManifest('a/b', 'v1', index, { type: types.index })).response.status, 404);
  const image = await strict.pushImage('a/b');
  assert.equal((await strict.putManifest('a/b', 'v1', { ...index, manifests: [{ ...entry, digest: image.digest, size: image.size }] }, { type: types.index })).response.status, 201);
  await using sparse = await TestRegistry.start({ sparseIndexes: true });
  assert.equal((await sparse.putManifest('a/b', 'v1', index, { type: types.index })).response.status, 201);
});

test('an index of blobs, as caches of builds are exported, must be taken when they are there, and keep them', async () => {
  await using registry = await TestRegistry.start();
  const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', ...(await registry.pushBlob('a/cache', randomBytes(1000))) };
  const config = { mediaType: 'application/vnd.buildkit.cacheconfig.v0', ...(await registry.pushBlob('a/cache', randomBytes(20))) };
  const put = async (...manifests: unknown[]): Promise<number> => (await registry.putManifest('a/cache', 'v1', { schemaVersion: 2, mediaType: types.index, manifests }, { type: types.index })).response.status;
  assert.equal(await put(layer, { ...config, digest: digestOf(randomBytes(4)) }), 404, 'a blob is missing');
  assert.equal(await put({ ...layer, mediaType: types.manifest }), 404, 'a blob is no manifest');
  assert.equal(await put(layer, config), 201);
  const lone = await registry.pushBlob('a/cache', randomBytes(30));
  assert.equal((await registry.server.collect({ grace: 0 })).blobs, 1);
  for (const { digest } of [layer, config]) assert.equal(await registry.status(`/v2/a/cache/blobs/${digest}`, 'GET'), 200);
  assert.equal(await registry.status(`/v2/a/cache/blobs/${lone.digest}`), 404);
});

test('large blobs must come back as they were sent, whole and in part, also when many pull them and again', async () => {
  await using registry = await TestRegistry.start();
  // Around what buffers hold; the last ends within a page.
  for (const size of [393_215, 393_216, 393_217, 524_288, 786_432, 3_000_001]) {
    const bytes = randomBytes(size);
    const location = await registry.beginUpload('a/b');
    assert.equal(await registry.status(location, 'PATCH', { body: bytes.subarray(0, 1000) }), 202);
    assert.equal(await registry.status(location, 'PATCH', { body: bytes.subarray(1000) }), 202);
    assert.equal(await registry.status(`${location}?digest=${digestOf(bytes)}`, 'PUT'), 201);
    await registry.pushBlob('a/c', bytes);
    const whole = randomBytes(size);
    const path = `/v2/a/b/blobs/${(await registry.pushBlob('a/b', whole)).digest}`;
    for (const pulls of [1, 1, 1, 8]) {
      const digests = await Promise.all(Array.from({ length: pulls }, async () => digestOf(Buffer.from(await (await registry.request(path)).arrayBuffer()))));
      assert.deepEqual([...new Set(digests)], [digestOf(whole)]);
    }
    const part = await registry.request(path, { headers: { Range: 'bytes=1001-524000' } });
    assert.deepEqual(Buffer.from(await part.arrayBuffer()), whole.subarray(1001, 524_001));
    assert.equal(digestOf(Buffer.from(await (await registry.request(`/v2/a/b/blobs/${digestOf(bytes)}`)).arrayBuffer())), digestOf(bytes));
  }
});

test('a tag must be set only where the request’s conditions hold', async () => {
  await using registry = await TestRegistry.start();
  const { config, layer, digest } = await registry.pushImage('a/b', 'v1');
  const put = async (headers: Record<string, string>, mark: string): Promise<number> => (await registry.putManifest('a/b', 'v1', imageOf(config, layer, { annotations: { mark } }), { headers })).response.status;
  assert.equal(await put({ 'If-None-Match': '*' }, 'one'), 412);
  assert.equal(await put({ 'If-Match': `"${digestOf(randomBytes(2))}"` }, 'one'), 412);
  assert.equal(await put({ 'If-Match': `"${digest}"` }, 'one'), 201);
  assert.equal(await put({ 'If-Match': `"${digest}"` }, 'two'), 412);
});

test('tags must be listed in byte order, in pages that lead on', async () => {
  await using registry = await TestRegistry.start();
  const { digest } = await registry.pushImage('a/b');
  const document = await (await registry.request(`/v2/a/b/manifests/${digest}`)).json();
  const names = ['v10', 'v9', 'V1', '_x', 'a.b', 'latest', 'v1'];
  for (const name of names) await registry.putManifest('a/b', name, document);
  const list = async (path: string): Promise<{ tags: string[]; link: string | null }> => {
    const response = await registry.request(path);
    assert.equal(response.status, 200);
    return { ...((await response.json()) as { tags: string[] }), link: response.headers.get('link') };
  };
  const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  assert.deepEqual((await list('/v2/a/b/tags/list')).tags, sorted);
  const gathered: string[] = [];
  for (let path: string | undefined = '/v2/a/b/tags/list?n=3'; path !== undefined; ) {
    const page = await list(path);
    gathered.push(...page.tags);
    assert.ok(page.tags.length <= 3);
    path = /<([^>]+)>; rel="next"/.exec(page.link ?? '')?.[1];
  }
  assert.deepEqual(gathered, sorted);
  assert.deepEqual(await list('/v2/a/b/tags/list?n=0'), { name: 'a/b', tags: [], link: null });
  assert.deepEqual((await list('/v2/a/b/tags/list?last=latest')).tags, ['v1', 'v10', 'v9']);
  for (const n of ['-1', 'x', '1.5']) assert.equal((await registry.refusal(`/v2/a/b/tags/list?n=${n}`)).code, 'PAGINATION_NUMBER_INVALID');
  assert.equal((await registry.refusal('/v2/no/such/tags/list')).code, 'NAME_UNKNOWN');
});

test('referrers must be listed with type and annotations, filtered when asked, whether or not the subject is there', async () => {
  await using registry = await TestRegistry.start();
  const subject = await registry.pushImage('a/b', 'v1');
  const refer = { subject: { mediaType: types.manifest, digest: subject.digest, size: subject.size } };
  const typed = await registry.putManifest('a/b', undefined, imageOf(subject.config, subject.layer, { ...refer, artifactType: 'application/x.sbom', annotations: { a: '1' } }));
  assert.equal(typed.response.headers.get('oci-subject'), subject.digest);
  const untyped = await registry.putManifest('a/b', undefined, imageOf(subject.config, subject.layer, refer));
  const index = await registry.putManifest('a/b', undefined, { schemaVersion: 2, mediaType: types.index, manifests: [], ...refer }, { type: types.index });
  const list = async (query = ''): Promise<{ entries: Record<string, unknown>[]; filters: string | null }> => {
    const response = await registry.request(`/v2/a/b/referrers/${subject.digest}${query}`);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), types.index);
    return { entries: ((await response.json()) as { manifests: Record<string, unknown>[] }).manifests, filters: response.headers.get('oci-filters-applied') };
  };
  const all = await list();
  const byDigest = new Map(all.entries.map((entry) => [entry['digest'], entry]));
  assert.deepEqual(byDigest.get(typed.digest), { mediaType: types.manifest, size: typed.size, digest: typed.digest, artifactType: 'application/x.sbom', annotations: { a: '1' } });
  assert.equal(byDigest.get(untyped.digest)?.['artifactType'], types.config);
  assert.ok(!('artifactType' in (byDigest.get(index.digest) ?? {})));
  assert.equal(all.filters, null);
  const filtered = await list('?artifactType=application/x.sbom');
  assert.deepEqual(filtered.entries.map((entry) => entry['digest']), [typed.digest]);
  assert.equal(filtered.filters, 'artifactType');
  const unknown = await registry.request(`/v2/a/b/referrers/${digestOf(randomBytes(5))}`);
  assert.deepEqual(((await unknown.json()) as { manifests: unknown[] }).manifests, []);
  assert.equal((await registry.refusal('/v2/a/b/referrers/sha256:x')).status, 400);
});

test('tags, manifests and blobs must be deleted, and deletion be refused where it is switched off', async () => {
  await using registry = await TestRegistry.start();
  const image = await registry.pushImage('a/b', 'v1');
  await registry.putManifest('a/b', 'v2', await (await registry.request('/v2/a/b/manifests/v1')).json());
  assert.equal(await registry.status('/v2/a/b/manifests/v1', 'DELETE'), 202);
  assert.equal(await registry.status('/v2/a/b/manifests/v1'), 404);
  assert.equal(await registry.status(`/v2/a/b/manifests/${image.digest}`), 200);
  assert.equal(await registry.status(`/v2/a/b/manifests/${image.digest}`, 'DELETE'), 202);
  assert.equal(await registry.status('/v2/a/b/manifests/v2'), 404);
  assert.equal(await registry.status(`/v2/a/b/manifests/${image.digest}`, 'DELETE'), 404);
  assert.equal(await registry.status(`/v2/a/b/blobs/${image.layer.digest}`, 'DELETE'), 202);
  assert.equal(await registry.status(`/v2/a/b/blobs/${image.layer.digest}`, 'DELETE'), 404);
  await using keeping = await TestRegistry.start({ delete: false });
  const kept = await keeping.pushImage('a/b', 'v1');
  for (const path of ['manifests/v1', `manifests/${kept.digest}`, `blobs/${kept.layer.digest}`]) assert.equal((await keeping.refusal(`/v2/a/b/${path}`, { method: 'DELETE' })).status, 405);
});

test('a read-only registry must serve pulls and refuse everything else', async () => {
  await using registry = await TestRegistry.start();
  const image = await registry.pushImage('a/b', 'v1');
  await registry.close();
  await using frozen = await TestRegistry.start({ storage: registry.storage, readOnly: true });
  assert.equal(await frozen.status('/v2/a/b/manifests/v1'), 200);
  for (const [path, method] of [['blobs/uploads/', 'POST'], ['manifests/v1', 'PUT'], ['manifests/v1', 'DELETE'], [`blobs/${image.layer.digest}`, 'DELETE']] as const) {
    const refusal = await frozen.refusal(`/v2/a/b/${path}`, { method });
    assert.deepEqual([refusal.status, refusal.code, refusal.message], [405, 'UNSUPPORTED', 'this registry is read-only']);
  }
});

test('the catalog and the search must show repositories in pages', async () => {
  await using registry = await TestRegistry.start();
  for (const name of ['team/web', 'team/worker', 'base', 'zoo']) await registry.pushImage(name, 'latest');
  await registry.beginUpload('never/finished');
  const first = await registry.request('/v2/_catalog?n=3');
  assert.deepEqual(await first.json(), { repositories: ['base', 'team/web', 'team/worker'] });
  const next = /<([^>]+)>; rel="next"/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
  const second = await registry.request(next);
  assert.deepEqual(await second.json(), { repositories: ['zoo'] });
  assert.equal(second.headers.get('link'), null);
  const found = (await (await registry.request('/v1/search?q=TEAM&n=1&page=2')).json()) as { num_results: number; num_pages: number; results: { name: string }[] };
  assert.deepEqual([found.num_results, found.num_pages, found.results.map(({ name }) => name)], [2, 2, ['team/worker']]);
  assert.equal(await (await registry.request('/v1/_ping')).json(), true);
});

test('many clients that push the same blob at once must all succeed, and it be stored once', async () => {
  await using registry = await TestRegistry.start();
  const bytes = randomBytes(300_000);
  await Promise.all(Array.from({ length: 12 }, async (_, index) => await registry.pushBlob(`many/r${index % 3}`, bytes)));
  assert.equal(await registry.metric('stored_blobs'), 1);
  const pulled = await Promise.all(Array.from({ length: 12 }, async (_, index) => createHash('sha256').update(Buffer.from(await (await registry.request(`/v2/many/r${index % 3}/blobs/${digestOf(bytes)}`)).arrayBuffer())).digest('hex')));
  assert.deepEqual([...new Set(pulled)], [digestOf(bytes).slice(7)]);
});
