/** Connections that become streams: attach and exec start, in both styles, with bytes cut anywhere. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { ApiFixture, type RawClient } from './api-fixture.ts';
import { frame } from './engine-double.ts';

const attach = '/v1.51/containers/a/attach?stream=1&stdin=1&stdout=1';
const upgrade = { Connection: 'Upgrade', Upgrade: 'tcp' };

async function expectFrames(client: RawClient, ...texts: readonly string[]): Promise<void> {
  for (const text of texts) assert.deepEqual(await client.take(8 + Buffer.byteLength(text)), frame(1, text));
}

/** Talks to the echo: its greeting, what was written, and after the end of input its goodbye and the end. */
async function converse(client: RawClient, input: string): Promise<void> {
  await expectFrames(client, 'hello\n');
  client.write(input);
  await expectFrames(client, input);
  client.socket.end();
  await expectFrames(client, 'bye\n');
  assert.equal((await client.takeRest()).length, 0);
}

test('attach with an upgrade must answer 101 with the stream’s type and pass bytes both ways until both halves end', async () => {
  await using api = await ApiFixture.open();
  api.engine.addContainer('a');
  using client = api.connect();
  client.request('POST', attach, undefined, upgrade);
  assert.equal((await client.head()).head, 'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
  await converse(client, 'some input');
});

test('the stream’s type must be raw for a terminal and for versions before 1.42', async () => {
  await using api = await ApiFixture.open();
  api.engine.addContainer('a');
  api.engine.addContainer('tty', { Tty: true });
  for (const target of ['/v1.41/containers/a/attach?stream=1', '/v1.51/containers/tty/attach?stream=1']) {
    using client = api.connect();
    client.request('POST', target, undefined, upgrade);
    assert.equal((await client.head()).headers.get('content-type'), 'application/vnd.docker.raw-stream');
  }
});

test('attach without an upgrade must answer 200 and be the same stream', async () => {
  await using api = await ApiFixture.open();
  api.engine.addContainer('a');
  for (const headers of [{}, { Connection: 'keep-alive' }, { Connection: 'close' }, { 'Content-Type': 'text/plain', 'Content-Length': '0' }]) {
    using client = api.connect();
    client.request('POST', attach, undefined, headers);
    assert.equal((await client.head()).head, 'HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n');
    await converse(client, 'some input');
  }
});

test('attach must also take over a connection that has served other requests', async () => {
  await using api = await ApiFixture.open();
  api.engine.addContainer('a');
  for (const headers of [{}, upgrade]) {
    using client = api.connect();
    client.request('GET', '/_ping');
    assert.equal((await client.answer()).body, 'OK');
    client.request('POST', '/v1.51/containers/create', '{"Image":"x"}', { 'Content-Type': 'application/json' });
    assert.equal((await client.answer()).status, 201);
    client.request('POST', attach, undefined, headers);
    await client.head();
    await converse(client, 'later');
  }
});

test('input right behind the head, with the end of input, must reach the process, however it is cut', async () => {
  await using api = await ApiFixture.open();
  api.engine.addContainer('a');
  const bytes = Buffer.from(`POST ${attach} HTTP/1.1\r\nHost: x\r\n\r\nGET /not HTTP/1.1\r\n\r\n`);
  for (const cut of [1, 10, bytes.length]) {
    using client = api.connect();
    for (let start = 0; start < bytes.length; start += cut) client.write(bytes.subarray(start, start + cut));
    client.socket.end();
    await client.head();
    const rest = await client.takeRest();
    const contents: Buffer[] = [];
    for (let place = 0; place < rest.length; place += 8 + rest.readUInt32BE(place + 4)) contents.push(rest.subarray(place + 8, place + 8 + rest.readUInt32BE(place + 4)));
    assert.equal(Buffer.concat(contents).toString(), 'hello\nGET /not HTTP/1.1\r\n\r\nbye\n');
  }
});

test('attach that fails must answer the error as text and close', async () => {
  await using api = await ApiFixture.open();
  using client = api.connect();
  client.request('POST', '/v1.51/containers/none/attach?stream=1');
  const rest = (await client.takeRest()).toString();
  assert.equal(rest, 'HTTP/1.1 404 Not Found\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nNo such container: none\r\n');
});

async function makeExec(api: ApiFixture, body: object = { Cmd: ['x'], AttachStdin: true, AttachStdout: true }): Promise<string> {
  api.engine.addContainer('a');
  const got = await api.post('/v1.51/containers/a/exec', body);
  assert.equal(got.status, 201, got.body);
  return JSON.parse(got.body).Id;
}

test('exec start must read its body, then be a stream, in both styles, with input right behind the body', async () => {
  await using api = await ApiFixture.open();
  for (const headers of [{}, upgrade]) {
    const id = await makeExec(api);
    using client = api.connect();
    client.request('POST', `/v1.51/exec/${id}/start`, '{"Detach":false,"Tty":false}', { 'Content-Type': 'application/json', ...headers });
    client.write('early ');
    const head = await client.head();
    assert.equal(head.status, 'Upgrade' in headers ? 101 : 200);
    assert.equal(head.headers.get('api-version'), '1.51');
    assert.equal(head.headers.get('content-type'), 'Upgrade' in headers ? 'application/vnd.docker.multiplexed-stream' : 'application/vnd.docker.raw-stream');
    await expectFrames(client, 'hello\n', 'early ');
    client.socket.end('late');
    await expectFrames(client, 'late', 'bye\n');
    assert.equal((await client.takeRest()).length, 0);
  }
});

test('the body of exec start may come late, cut up, and in chunks', async () => {
  await using api = await ApiFixture.open();
  const head = (id: string, framing: string): string => `POST /v1.51/exec/${id}/start HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${framing}\r\n\r\n`;
  for (const [framing, body] of [['Content-Length: 13', '{"Tty": true}'], ['Transfer-Encoding: chunked', '6\r\n{"Tty"\r\n7\r\n: true}\r\n0\r\n\r\n']] as const) {
    const id = await makeExec(api);
    using client = api.connect();
    client.write(head(id, framing));
    for (const byte of Buffer.from(`${body}in`)) {
      client.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    client.socket.end();
    await client.head();
    await expectFrames(client, 'hello\n');
    assert.deepEqual(api.engine.last('execs.startAttached'), [id, { tty: true, consoleSize: undefined }]);
    assert.match((await client.takeRest()).toString(), /i.*n.*bye/s);
  }
});

test('a client that waits to be told to send its body must be told', async () => {
  await using api = await ApiFixture.open();
  const id = await makeExec(api);
  using client = api.connect();
  client.write(`POST /v1.51/exec/${id}/start HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n`);
  assert.equal(await client.takeThrough('\r\n\r\n'), 'HTTP/1.1 100 Continue\r\n\r\n');
  client.write('{}');
  assert.equal((await client.head()).status, 200);
});

test('exec start must tell the console’s size only for a terminal, from 1.42 on', async () => {
  await using api = await ApiFixture.open();
  const id = await makeExec(api, { Cmd: ['x'], Tty: true });
  const start = async (version: string, body: object): Promise<unknown> => {
    using client = api.connect();
    client.request('POST', `/${version}/exec/${id}/start`, JSON.stringify(body), { 'Content-Type': 'application/json' });
    await client.head();
    return api.engine.last('execs.startAttached')[1];
  };
  assert.deepEqual(await start('v1.51', { Tty: true, ConsoleSize: [31, 77] }), { tty: true, consoleSize: { rows: 31, columns: 77 } });
  assert.deepEqual(await start('v1.51', { ConsoleSize: [31, 77] }), { tty: false, consoleSize: undefined });
  assert.deepEqual(await start('v1.41', { Tty: true, ConsoleSize: [31, 77] }), { tty: true, consoleSize: undefined });
});

test('a detached exec start and errors before the stream must be ordinary replies, and the connection serve on', async () => {
  await using api = await ApiFixture.open();
  const id = await makeExec(api);
  using client = api.connect();
  const start = (target: string, body: string, headers: Readonly<Record<string, string>> = {}): void => client.request('POST', target, body, { 'Content-Type': 'application/json', ...headers });
  start(`/v1.51/exec/${id}/start`, '{"Detach":true}');
  const detached = await client.answer();
  assert.deepEqual([detached.status, detached.body, detached.headers.get('server')], [200, '', 'Docker/28.5.2+test (linux)']);
  start('/v1.51/exec/none/start', '{}', upgrade);
  const missing = await client.answer();
  assert.deepEqual([missing.status, missing.body], [404, '{"message":"No such exec instance: none"}\n']);
  start(`/v1.51/exec/${id}/start`, '{bad');
  assert.equal((await client.answer()).body, `{"message":"invalid JSON: invalid character 'b' looking for beginning of object key string"}\n`);
  start(`/v1.51/exec/${id}/start`, '{}', { 'Content-Type': 'text/plain' });
  assert.equal((await client.answer()).status, 400);
  client.request('POST', `/v1.51/exec/${id}/start`, undefined, { 'Content-Type': 'text/plain', 'Content-Length': '1000000' });
  const closed = await client.answer();
  assert.deepEqual([closed.status, closed.headers.get('connection')], [400, 'close']);
  assert.equal((await client.takeRest()).length, 0);
});

test('many detached starts on one connection must leave nothing behind on it', async (t) => {
  await using api = await ApiFixture.open();
  const id = await makeExec(api);
  const warnings: string[] = [];
  const note = (warning: Error): void => void warnings.push(warning.message);
  process.on('warning', note);
  t.after(() => process.off('warning', note));
  using client = api.connect();
  for (let count = 0; count < 30; count++) {
    client.request('POST', `/v1.51/exec/${id}/start`, '{"Detach":true}', { 'Content-Type': 'application/json' });
    assert.equal((await client.answer()).status, 200);
  }
  await new Promise(setImmediate);
  assert.deepEqual(warnings, []);
});

test('a client that leaves in the middle of a body must leave nothing behind', async () => {
  await using api = await ApiFixture.open();
  const id = await makeExec(api);
  for (const type of ['application/json', 'text/plain']) {
    using client = api.connect();
    client.socket.end(`POST /v1.51/exec/${id}/start HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: 20\r\n\r\n{"Tty"`);
    assert.equal((await client.answer()).status, 400);
    await client.takeRest();
  }
  assert.deepEqual(api.log.filter(({ level }) => level === 'error'), []);
});

test('versions must be checked before a connection is taken', async () => {
  await using api = await ApiFixture.open();
  api.engine.addContainer('a');
  using client = api.connect();
  client.request('POST', '/v9.99/containers/a/attach', undefined, upgrade);
  const young = await client.answer();
  assert.deepEqual([young.status, young.body], [400, '{"message":"client version 9.99 is too new. Maximum supported API version is 1.51"}\n']);
  client.request('POST', '/v1.23/containers/a/attach');
  const old = await client.answer();
  assert.deepEqual([old.status, old.headers.get('content-type')], [400, 'text/plain; charset=utf-8']);
});

test('an upgrade of a request that is no stream must be ignored', async () => {
  await using api = await ApiFixture.open();
  using client = api.connect();
  client.request('GET', '/_ping', undefined, { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c' });
  assert.equal((await client.answer()).body, 'OK');
  client.request('GET', '/_ping');
  assert.equal((await client.answer()).body, 'OK');
});

test('a client that does not read must not have its stream kept in memory', async (t) => {
  await using api = await ApiFixture.open();
  api.engine.addContainer('a');
  using client = api.connect();
  client.request('POST', attach);
  await client.head();
  await expectFrames(client, 'hello\n');
  client.socket.pause();
  const piece = Buffer.alloc(64 * 1024, 'x');
  // The echo can take no more once its own writing waits: the socket stops taking our bytes.
  let sent = 0;
  while (client.socket.write(piece) || sent < 1024 * 1024) {
    sent += piece.length;
    await new Promise(setImmediate);
    if (sent > 64 * 1024 * 1024) break;
  }
  t.diagnostic(`${sent} bytes taken`);
  assert.ok(sent < 64 * 1024 * 1024);
});

test('a client that goes away from a silent stream must be noticed, one that only ended its input not', async () => {
  await using api = await ApiFixture.open();
  api.engine.addContainer('a');
  api.engine.silent = true;
  using faithful = api.connect();
  faithful.request('POST', attach);
  await faithful.head();
  faithful.socket.end();
  const leaver = api.connect();
  leaver.request('POST', attach);
  await leaver.head();
  const stream = api.engine.joined.at(-1) ?? assert.fail();
  const left = new Promise<void>((resolve) => stream.once('close', resolve));
  leaver.socket.destroy();
  await left;
  assert.equal(api.engine.joined[0]?.destroyed, false);
});

test('closing the server must end streams and free the socket’s path', async () => {
  await using api = await ApiFixture.open();
  api.engine.addContainer('a');
  using client = api.connect();
  client.request('POST', attach);
  await client.head();
  await api.close();
  await client.takeRest();
  using again = api.connect();
  assert.equal((await again.takeRest()).length, 0);
});
