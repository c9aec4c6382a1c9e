/** Sockets a server listens on: permissions, what dead daemons leave, addresses in use, sockets of systemd. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { createApiServer, type ApiServer } from '#api/api-server.ts';
import { RawClient } from './api-fixture.ts';
import { EngineDouble } from './engine-double.ts';

const quiet = { debug: () => undefined, info: () => undefined, error: () => undefined };

function serve(warnings: string[] = []): ApiServer {
  return createApiServer({ engine: new EngineDouble(), log: { ...quiet, warn: (message) => void warnings.push(message) }, closingGrace: 500 });
}

async function directory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'dhow-listen-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function pinged(where: { path: string } | { host: string; port: number }): Promise<string> {
  using client = new RawClient(connect(where));
  client.request('GET', '/_ping');
  return (await client.answer()).body;
}

test('a unix socket must be for root and its group alone, and go with the server', async (t) => {
  const path = join(await directory(t), 'deep', 'api.sock');
  {
    await using server = serve();
    await server.listen({ kind: 'unix', path });
    assert.equal((await stat(path)).mode & 0o777, 0o660);
    assert.equal(await pinged({ path }), 'OK');
  }
  await assert.rejects(stat(path), { code: 'ENOENT' });
});

test('a socket nobody listens on must be replaced, one in use and a file be left alone', async (t) => {
  const path = join(await directory(t), 'api.sock');
  // A process that dies leaves its socket behind.
  const dead = spawn(process.execPath, ['-e', 'require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))', path]);
  await once(dead, 'exit');
  assert.ok((await stat(path)).isSocket());
  await using server = serve();
  await server.listen({ kind: 'unix', path });
  assert.equal(await pinged({ path }), 'OK');
  await using second = serve();
  await assert.rejects(second.listen({ kind: 'unix', path }), { message: `cannot listen on unix://${path}: another process listens there` });
  assert.equal(await pinged({ path }), 'OK');
  const file = `${path}.file`;
  await writeFile(file, 'precious');
  await assert.rejects(second.listen({ kind: 'unix', path: file }), { message: `cannot listen on unix://${file}: there is a file in its place that is no socket` });
});

test('a server must listen on several addresses, and warn about one on the network', async (t) => {
  const path = join(await directory(t), 'api.sock');
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  assert.ok(address !== null && typeof address === 'object');
  const { port } = address;
  probe.close();
  await once(probe, 'close');
  const warnings: string[] = [];
  await using server = serve(warnings);
  await server.listen({ kind: 'unix', path });
  assert.deepEqual(warnings, []);
  await server.listen({ kind: 'tcp', host: '127.0.0.1', port });
  assert.match(warnings.join(), /anyone who reaches this address has root access/);
  assert.equal(await pinged({ path }), 'OK');
  assert.equal(await pinged({ host: '127.0.0.1', port }), 'OK');
});

test('sockets that systemd has opened must be taken, and their absence be named', async (t) => {
  await using server = serve();
  await assert.rejects(server.listen({ kind: 'fd', which: undefined }), /systemd has passed no such socket/);
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  const handle: unknown = Reflect.get(listener, '_handle');
  assert.ok(address !== null && typeof address === 'object' && typeof handle === 'object' && handle !== null && 'fd' in handle && typeof handle.fd === 'number');
  const program = `
    import { createApiServer } from '#api/api-server.ts';
    import { EngineDouble } from '#test/api/engine-double.ts';
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const server = createApiServer({ engine: new EngineDouble(), log, environment: { LISTEN_PID: String(process.pid), LISTEN_FDS: '1' } });
    await server.listen({ kind: 'fd', which: undefined });
    process.stdout.write('ready');
  `;
  // Descriptor 3 of the child is the first that systemd passes.
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], { stdio: ['ignore', 'pipe', 'inherit', handle.fd], cwd: join(import.meta.dirname, '../..') });
  t.after(() => child.kill('SIGKILL'));
  assert.ok(child.stdout !== null);
  await once(child.stdout, 'data');
  listener.close();
  await once(listener, 'close');
  assert.equal(await pinged({ host: '127.0.0.1', port: address.port }), 'OK');
});
