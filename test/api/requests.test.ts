/** Requests and replies as bytes: routing, versions, statuses, headers, bodies. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { fail } from '#base/errors/failure.ts';
import { ApiFixture } from './api-fixture.ts';

const created = '{"Image":"busybox"}';

test('ping must say what Docker says, to GET and HEAD, with and without version', async () => {
  await using api = await ApiFixture.open();
  for (const target of ['/_ping', '/v1.24/_ping']) {
    const got = await api.ask('GET', target);
    assert.equal(got.status, 200);
    assert.equal(got.body, 'OK');
    assert.deepEqual(
      [...got.headers].filter(([name]) => name !== 'date').sort(),
      [
        ['api-version', '1.51'], ['builder-version', '2'], ['cache-control', 'no-cache, no-store, must-revalidate'], ['content-length', '2'],
        ['content-type', 'text/plain; charset=utf-8'], ['docker-experimental', 'false'], ['ostype', 'linux'], ['pragma', 'no-cache'],
        ['server', 'Docker/28.5.2+test (linux)'], ['swarm', 'inactive'],
      ],
    );
  }
  const head = await api.ask('HEAD', '/_ping');
  assert.equal(head.headers.get('content-length'), '0');
});

test('versions that are not served must be refused as Docker refuses them', async () => {
  await using api = await ApiFixture.open();
  const old = await api.ask('GET', '/v1.23/info');
  assert.equal(old.status, 400);
  assert.equal(old.headers.get('content-type'), 'text/plain; charset=utf-8');
  assert.equal(old.body, 'client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version\n');
  const young = await api.ask('GET', '/v9.99/info');
  assert.equal(young.status, 400);
  assert.equal(young.body, '{"message":"client version 9.99 is too new. Maximum supported API version is 1.51"}\n');
  assert.equal(young.headers.get('docker-experimental'), undefined);
  assert.equal((await api.ask('GET', '/v1.44.0/info')).status, 200);
});

test('what is not served must be page not found, before versions are looked at', async () => {
  await using api = await ApiFixture.open();
  const unknown: readonly (readonly [string, string])[] = [
    ['GET', '/'], ['GET', '/v1.51/bogus'], ['POST', '/v1.51/containers/json'], ['DELETE', '/v1.51/info'], ['GET', '/v1.51/containers/x/bogus'],
    ['PUT', '/v1.51/images/json'], ['GET', '/vbogus/info'], ['GET', '/v1.23/bogus'], ['HEAD', '/v1.51/info'],
  ];
  for (const [method, target] of unknown) {
    const got = await api.ask(method, target);
    assert.equal(got.status, 404, target);
    if (method !== 'HEAD') assert.equal(got.body, '{"message":"page not found"}\n');
    assert.equal(got.headers.get('api-version'), undefined);
  }
});

test('a swarm and its parts must be refused as by a Docker outside a swarm, and plugins be known to be none', async () => {
  await using api = await ApiFixture.open();
  const outside = 'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';
  for (const [method, target] of [['GET', '/swarm'], ['GET', '/nodes'], ['POST', '/services/create'], ['GET', '/services/x/logs'], ['GET', '/secrets/x'], ['DELETE', '/configs/x']] as const) {
    const got = await api.ask(method, `/v1.51${target}`);
    assert.deepEqual([got.status, JSON.parse(got.body)], [503, { message: outside }], target);
  }
  const left = await api.ask('POST', '/v1.51/swarm/leave');
  assert.deepEqual([left.status, left.body], [503, '{"message":"This node is not part of a swarm"}\n']);
  assert.equal((await api.ask('POST', '/v1.51/swarm/init')).status, 501);
  const plugins = await api.ask('GET', '/v1.51/plugins');
  assert.deepEqual([plugins.status, JSON.parse(plugins.body)], [200, []]);
  const absent = await api.ask('GET', '/v1.51/plugins/a/b:c/json');
  assert.deepEqual([absent.status, absent.body], [404, '{"message":"plugin \\"a/b:c\\" not found"}\n']);
});

test('what is wrong with the query of a build or of the pruning of its cache must be told in Docker’s words', async () => {
  await using api = await ApiFixture.open();
  const wrong: readonly (readonly [string, string])[] = [
    ['/build?version=3', 'invalid version "3"'],
    ['/build?isolation=hyperv', 'unsupported isolation: "hyperv"'],
    ['/build?cachefrom=x', "error reading cache-from: invalid character 'x' looking for beginning of value"],
    ['/build?outputs=x', "invalid outputs specified: invalid character 'x' looking for beginning of value"],
    ['/build/prune?filters=x', 'invalid filter'],
    ['/build/prune?keep-storage=x', 'keep-storage is in bytes and expects an integer, got x: strconv.Atoi: parsing "x": invalid syntax'],
  ];
  for (const [target, message] of wrong) {
    const got = await api.ask('POST', `/v1.51${target}`);
    assert.deepEqual([got.status, JSON.parse(got.body)], [400, { message }], target);
  }
  assert.equal(api.engine.calls.length, 0);
});

test('OPTIONS must be answered everywhere, and roundabout paths be sent on', async () => {
  await using api = await ApiFixture.open();
  const options = await api.ask('OPTIONS', '/v1.51/whatever');
  assert.deepEqual([options.status, options.headers.get('content-length')], [200, '0']);
  const redirect = await api.ask('GET', '/v1.51//containers/json?all=1');
  assert.deepEqual([redirect.status, redirect.headers.get('location')], [301, '/v1.51/containers/json?all=1']);
});

test('what is no request must get a plain 400, and the connection be closed', async () => {
  await using api = await ApiFixture.open();
  for (const text of ['GET /v1.51/%zz HTTP/1.1\r\nHost: x\r\n\r\n', 'nonsense\r\n\r\n', 'POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n']) {
    using client = api.connect();
    client.write(text);
    const rest = (await client.takeRest()).toString();
    assert.match(rest, /^HTTP\/1\.1 400 Bad Request\r\n/, text);
    assert.match(rest, /\r\n\r\n400 Bad Request$/, text);
  }
  using client = api.connect();
  client.write('GET /_ping HTTP/1.1\r\n\r\n');
  assert.match((await client.takeRest()).toString(), /400 Bad Request: missing required Host header$/);
});

test('a host that is malformed or named twice must be refused in the words of Go’s server', async () => {
  await using api = await ApiFixture.open();
  for (const [hosts, words] of [['Host: a b', 'malformed Host header'], ['Host: a/b', 'malformed Host header'], ['Host: a"', 'malformed Host header'], ['Host: a\r\nHost: a', 'too many Host headers']] as const) {
    using client = api.connect();
    client.write(`GET /_ping HTTP/1.1\r\n${hosts}\r\n\r\n`);
    assert.match((await client.takeRest()).toString(), new RegExp(`^HTTP/1\\.1 400 [^]*\\r\\n\\r\\n400 Bad Request: ${words}$`), hosts);
  }
  for (const host of ['', 'localhost', '[::1]:80', 'api.moby.localhost', '%2Frun%2Fdocker.sock']) {
    using client = api.connect();
    client.write(`GET /_ping HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    assert.match((await client.takeRest()).toString(), /^HTTP\/1\.1 200 OK/, host);
  }
});

test('checkpoints must be refused as by a Docker that is not experimental', async () => {
  await using api = await ApiFixture.open();
  const message = 'This experimental feature is disabled by default. Start the Docker daemon in experimental mode in order to enable it.';
  for (const [method, path] of [['GET', '/containers/x/checkpoints'], ['POST', '/containers/x/checkpoints'], ['DELETE', '/v1.51/containers/x/checkpoints/y']] as const) {
    const { status, body } = await api.ask(method, path);
    assert.deepEqual([status, JSON.parse(body.toString())], [501, { message }]);
  }
  const { status, body } = await api.ask('POST', '/containers/x/start?checkpoint=y');
  assert.deepEqual([status, JSON.parse(body.toString())], [400, { message: 'checkpoint is only supported in experimental mode' }]);
});

test('a head that does not come to its end must be cut off, however it trickles, and hold up nobody else', async () => {
  await using api = await ApiFixture.open({ headTimeout: 300 });
  using slow = api.connect();
  slow.write('GET /_ping HTTP/1.1\r\nHost: x\r\n');
  const trickle = setInterval(() => slow.write('X: y\r\n'), 20);
  try {
    assert.equal((await api.ask('GET', '/_ping')).status, 200);
    assert.equal((await slow.takeRest()).toString(), '');
  } finally {
    clearInterval(trickle);
  }
});

test('a body that trickles must hold up nobody else, and be taken when it is whole', async () => {
  await using api = await ApiFixture.open({ headTimeout: 200 });
  using slow = api.connect();
  slow.write(`POST /v1.51/containers/create HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${created.length}\r\n\r\n`);
  for (const letter of created) {
    slow.write(letter);
    assert.equal((await api.ask('GET', '/_ping')).status, 200);
  }
  assert.match((await slow.takeRest()).toString(), /^HTTP\/1\.1 201 /);
});

test('a head beyond the limit must be refused', async () => {
  await using api = await ApiFixture.open();
  using client = api.connect();
  client.write(`GET /_ping HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(1024 * 1024)}\r\n\r\n`);
  assert.match((await client.takeThrough('\r\n')), /^HTTP\/1\.1 431 /);
});

test('requests on one connection must be answered in order, pipelined or not, whatever the cuts', async () => {
  await using api = await ApiFixture.open();
  using client = api.connect();
  client.write('GET /_ping HTTP/1.1\r\nHost: x\r\n\r\nGET /v1.51/bogus HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.equal((await client.answer()).body, 'OK');
  assert.equal((await client.answer()).status, 404);
  for (const byte of Buffer.from('GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n')) client.write(Buffer.of(byte));
  assert.equal((await client.answer()).body, 'OK');
});

test('a client of HTTP/1.0 must get its answer whole and the connection closed', async () => {
  await using api = await ApiFixture.open();
  api.engine.addContainer('a');
  api.engine.logChunks = [Buffer.from('one'), Buffer.from('two')];
  for (const [target, body] of [['/_ping', 'OK'], ['/v1.51/containers/a/logs?stdout=1', 'onetwo']] as const) {
    using client = api.connect();
    client.write(`GET ${target} HTTP/1.0\r\n\r\n`);
    const { headers } = await client.head();
    assert.equal(headers.get('transfer-encoding'), undefined);
    assert.equal((await client.takeRest()).toString(), body);
  }
});

test('a client that closes its sending half must still be answered', async () => {
  await using api = await ApiFixture.open();
  using client = api.connect();
  client.socket.end('GET /v1.51/info HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.match((await client.answer()).body, /"OSType":"linux"/);
  assert.equal((await client.takeRest()).length, 0);
});

test('errors of the engine must become their statuses, and bugs 500 with a line in the log', async () => {
  await using api = await ApiFixture.open();
  assert.deepEqual(await statusAndBody(api, 'GET', '/v1.51/containers/none/json'), [404, '{"message":"No such container: none"}\n']);
  api.engine.addContainer('a');
  assert.deepEqual(await statusAndBody(api, 'POST', '/v1.51/containers/a/start'), [304, '']);
  assert.deepEqual(api.log.filter(({ level }) => level === 'error'), []);
  api.engine.failure = fail('api.reserved_image_name', { name: 'scratch' });
  assert.deepEqual(await statusAndBody(api, 'GET', '/v1.51/containers/json'), [403, `{"message":"'scratch' is a reserved name"}\n`]);
  api.engine.failure = new TypeError('x is <not> a function');
  assert.deepEqual(await statusAndBody(api, 'GET', '/v1.51/containers/json'), [500, '{"message":"x is <not> a function"}\n']);
  assert.deepEqual(api.log.at(-1), { level: 'error', message: 'Handler for GET /containers/json returned error: x is <not> a function' });
});

async function statusAndBody(api: ApiFixture, method: string, target: string): Promise<[number, string]> {
  const { status, body } = await api.ask(method, target);
  return [status, body];
}

test('bodies of create must be judged in Docker’s order: type of content, syntax, types, content', async () => {
  await using api = await ApiFixture.open();
  const target = '/v1.51/containers/create';
  const message = (text: string): string => `${JSON.stringify({ message: text })}\n`;
  const typed = await api.ask('POST', target, created, { 'Content-Type': 'text/plain' });
  assert.deepEqual([typed.status, typed.body], [400, message("unsupported Content-Type header (text/plain): must be 'application/json'")]);
  assert.equal((await api.ask('POST', target, created)).body, message('malformed Content-Type header (): mime: no media type'));
  assert.equal((await api.ask('POST', target)).body, message('invalid JSON: got EOF while reading request body'));
  assert.equal((await api.post(target, '')).body, message('invalid JSON: got EOF while reading request body'));
  assert.equal((await api.post(target, '{bad json')).body, message("invalid JSON: invalid character 'b' looking for beginning of object key string"));
  assert.equal((await api.post(target, '{"Image":5}')).body, message('invalid JSON: json: cannot unmarshal number into Go struct field .Image of type string'));
  assert.equal((await api.post(target, '{}')).body, message('config cannot be empty in order to create a container'));
  const big = await api.post(target, `{"Image":"${'a'.repeat(5 * 1024 * 1024)}"}`);
  assert.deepEqual([big.status, big.body], [400, message('request body is larger than the 4194304 bytes allowed for a JSON document')]);
});

test('create must hand the engine a whole request and answer with its id and all warnings', async () => {
  await using api = await ApiFixture.open();
  const got = await api.post('/v1.51/containers/create?name=web&platform=linux%2Famd64', { Image: 'busybox', MacAddress: '02:42:ac:11:00:02' });
  assert.equal(got.status, 201);
  const { Id, Warnings } = JSON.parse(got.body);
  assert.match(Id, /^[0-9a-f]{64}$/);
  assert.deepEqual(Warnings, ['The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.']);
  const [name, request, options] = api.engine.last('containers.create');
  assert.equal(name, 'web');
  assert.partialDeepStrictEqual(request, { Image: 'busybox', HostConfig: { NetworkMode: 'bridge', Memory: 0 }, NetworkingConfig: { EndpointsConfig: { bridge: { MacAddress: '02:42:ac:11:00:02' } } } });
  assert.partialDeepStrictEqual(options, { platform: 'linux/amd64' });
});

test('a chunked body must do as one of known length', async () => {
  await using api = await ApiFixture.open();
  using client = api.connect();
  client.write('POST /v1.51/containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{"Image\r\n');
  client.write('6\r\n":"b"}\r\n0\r\n\r\n');
  assert.equal((await client.answer()).status, 201);
});

test('every container endpoint must pass on its parameters', async () => {
  await using api = await ApiFixture.open();
  const id = api.engine.addContainer('a/b');
  const cases: readonly (readonly [string, string, string, readonly unknown[]])[] = [
    ['GET', '/containers/json?all=1&limit=3&size=true&filters=%7B%22name%22%3A%5B%22x%22%5D%7D', 'containers.list', [{ all: true, size: true, limit: 3, filters: { name: ['x'] } }]],
    ['GET', '/containers/a%2Fb/json?size=1', 'containers.inspect', ['a/b', { size: true }]],
    ['GET', '/containers/a/b/top?ps_args=-o%20pid', 'containers.top', ['a/b', '-o pid']],
    ['POST', `/containers/${id}/resize?h=31&w=77`, 'containers.resize', [id, { rows: 31, columns: 77 }]],
    ['POST', `/containers/${id}/rename?name=c`, 'containers.rename', [id, 'c']],
    ['POST', `/containers/${id}/kill?signal=HUP`, 'containers.kill', [id, 'HUP']],
    ['POST', '/containers/prune?filters=%7B%22until%22%3A%7B%221h%22%3Atrue%7D%7D', 'containers.prune', [{ until: ['1h'] }]],
  ];
  for (const [method, target, useCase, expected] of cases) {
    const got = await api.ask(method, `/v1.51${target}`);
    assert.ok(got.status < 300, `${target}: ${got.status} ${got.body}`);
    assert.deepEqual(api.engine.last(useCase), expected);
  }
  const removed = await api.ask('DELETE', `/v1.51/containers/${id}?force=1&v=1`);
  assert.equal(removed.status, 204);
  assert.partialDeepStrictEqual(api.engine.last('containers.remove'), [id, { force: true, volumes: true, link: false }]);
});

test('stop must know its signal from 1.42 on, and refuse a time that is no number with 500', async () => {
  await using api = await ApiFixture.open();
  api.engine.addContainer('a');
  await api.ask('POST', '/v1.41/containers/a/stop?t=5&signal=HUP');
  assert.partialDeepStrictEqual(api.engine.last('containers.stop'), ['a', { timeout: 5, signalName: '' }]);
  await api.ask('POST', '/v1.42/containers/a/stop?t=-1&signal=HUP');
  assert.partialDeepStrictEqual(api.engine.last('containers.stop'), ['a', { timeout: -1, signalName: 'HUP' }]);
  const got = await api.ask('POST', '/v1.51/containers/a/stop?t=z');
  assert.deepEqual([got.status, got.body], [500, '{"message":"strconv.Atoi: parsing \\"z\\": invalid syntax"}\n']);
});

test('start with a body must be refused, as Docker has done since 1.24', async () => {
  await using api = await ApiFixture.open();
  const got = await api.post('/v1.51/containers/a/start', '{"Binds":[]}');
  assert.equal(got.body, '{"message":"starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24"}\n');
});

test('answers must be escaped as Go escapes them, and inspect look as its version looked', async () => {
  await using api = await ApiFixture.open();
  api.engine.addContainer('a');
  const now = await api.ask('GET', '/v1.51/containers/a/json');
  assert.match(now.body, /"Labels":\{"a":"<&>"\}/);
  assert.deepEqual(JSON.parse(now.body).NetworkSettings.Networks.own.Aliases, ['web']);
  const before = JSON.parse((await api.ask('GET', '/v1.44/containers/a/json')).body);
  assert.deepEqual(before.NetworkSettings.Networks.own.Aliases, ['web', before.Id.slice(0, 12)]);
  assert.equal(before.NetworkSettings.Networks.bridge.Aliases, null);
  const image = await api.ask('GET', '/v1.51/images/x/json');
  assert.equal(image.body, '{"Id":"sha256:1","RepoTags":[],"RepoDigests":[],"Size":5,"Config":{"Cmd":["sh","-c","a \\u0026\\u0026 b \\u003e c"],"Entrypoint":null,"Env":null,"Labels":null,"OnBuild":null,"User":"","Volumes":null,"WorkingDir":""}}\n');
  const oldImage = JSON.parse((await api.ask('GET', '/v1.43/images/x/json')).body);
  assert.deepEqual([oldImage.VirtualSize, oldImage.Config.AttachStdin, oldImage.ContainerConfig.Cmd], [5, false, null]);
});

test('lists and documents must look as their version looked', async () => {
  await using api = await ApiFixture.open();
  assert.deepEqual(JSON.parse((await api.ask('GET', '/v1.51/images/json')).body)[0].Containers, 0);
  const [old] = JSON.parse((await api.ask('GET', '/v1.42/images/json')).body);
  assert.deepEqual([old.Containers, old.RepoTags, old.RepoDigests, old.VirtualSize], [-1, ['<none>:<none>'], ['<none>@<none>'], 5]);
  const info = JSON.parse((await api.ask('GET', '/v1.45/info')).body);
  assert.deepEqual([info.BridgeNfIptables, info.FirewallBackend, info.DiscoveredDevices, info.Containerd, info.RuncCommit.Expected], [false, undefined, undefined, undefined, 'x']);
  await api.ask('GET', '/v1.40/images/json?filter=busy*');
  assert.partialDeepStrictEqual(api.engine.last('images.list'), [{ filters: { reference: ['busy*'] } }]);
});

test('image endpoints must check names as Docker does and pass on their parameters', async () => {
  await using api = await ApiFixture.open();
  const body = async (method: string, target: string): Promise<string> => (await api.ask(method, `/v1.51${target}`)).body;
  assert.equal(await body('POST', '/images/x/tag?repo=Bad'), '{"message":"invalid reference format: repository name (library/Bad) must be lowercase"}\n');
  assert.equal(await body('POST', '/images/x/tag?repo=sha256'), '{"message":"refusing to create an ambiguous tag using digest algorithm as name"}\n');
  assert.equal((await api.ask('POST', '/v1.51/images/x/tag')).status, 200);
  assert.equal((await api.ask('POST', '/v1.51/images/x/tag?repo=y&tag=t')).status, 201);
  assert.deepEqual(api.engine.last('images.tag'), ['x', 'y', 't']);
  assert.equal(await body('DELETE', '/images/'), '{"message":"image name cannot be blank"}\n');
  assert.equal(await body('DELETE', '/images/a/b:c?force=1&noprune=1'), '[{"Untagged":"a/b:c"}]\n');
  assert.deepEqual(api.engine.last('images.remove'), ['a/b:c', { force: true, prune: false }]);
  assert.equal((await api.ask('POST', '/v1.51/images/create?fromImage=scratch')).status, 403);
  assert.equal(await body('DELETE', '/images/a?platforms='), '{"message":"failed to parse platform: unexpected end of JSON input"}\n');
  assert.equal(await body('DELETE', '/images/a?platforms=%7B%7Dx'), '{"message":"failed to parse platform: invalid character \'x\' after top-level value"}\n');
  assert.equal(await body('GET', '/images/a/json?platform=%7B%22os%22:1%7D'), '{"message":"failed to parse platform: json: cannot unmarshal number into Go struct field Platform.os of type string"}\n');
  assert.equal(await body('GET', '/images/a/history?platform=%7B%22os%22:%22linux%22%7D'), '{"message":"both OS and Architecture must be provided"}\n');
  assert.equal(await body('POST', '/images/load?platform=a&platform=b'), '{"message":"multiple platform parameters not supported"}\n');
  assert.equal((await api.ask('GET', '/v1.48/images/a/json?platform=bad')).status, 200);
  await api.ask('GET', '/v1.49/images/a/json?platform=%7B%22OS%22:%22linux%22,%22architecture%22:%22arm%22,%22variant%22:%22v6%22%7D');
  assert.deepEqual(api.engine.last('images.inspect'), ['a', { platform: { os: 'linux', architecture: 'arm', variant: 'v6' }, origin: false }]);
  await api.ask('POST', '/v1.51/images/create?fromImage=busybox:1&tag=2', undefined, { 'X-Registry-Auth': 'secret' });
  assert.partialDeepStrictEqual(api.engine.last('images.pull'), ['busybox:2', { authorization: 'secret', platform: '' }]);
  const digest = `sha256:${'a'.repeat(64)}`;
  await api.ask('POST', `/v1.51/images/create?fromImage=quay.io/x&tag=${digest}`);
  assert.deepEqual(api.engine.last('images.pull')[0], `quay.io/x@${digest}`);
});

test('networks must be listed without and inspected with their containers', async () => {
  await using api = await ApiFixture.open();
  assert.equal((await api.ask('GET', '/v1.51/networks/')).body, '[]\n');
  assert.equal((await api.ask('GET', '/v1.51/networks/bridge')).status, 200);
  assert.deepEqual((await api.ask('GET', '/v1.51/networks/bridge?scope=swarm')).status, 404);
  assert.equal((await api.ask('GET', '/v1.51/networks/x?verbose=z')).body, '{"message":"invalid value for verbose: z: strconv.ParseBool: parsing \\"z\\": invalid syntax"}\n');
});

test('system df must refuse kinds it does not know', async () => {
  await using api = await ApiFixture.open();
  const got = await api.ask('GET', '/v1.51/system/df?type=bogus');
  assert.deepEqual([got.status, got.body], [400, '{"message":"unknown object type: bogus"}\n']);
  await api.ask('GET', '/v1.51/system/df?type=image&type=volume');
  assert.deepEqual(api.engine.last('system.diskUsage'), [['image', 'volume']]);
});
