/** The server as a program: how it starts and ends, what it tells, and the commands around it. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'node:test';
import { eventually } from '#test/fixtures/eventually.ts';
import { RegistryProcess } from './registry-process.ts';
import { digestOf } from './test-registry.ts';

const home = fileURLToPath(new URL('../..', import.meta.url));
const commandLine = join(home, 'bin/dhow.mjs');

test('the server must end in order: requests under way are finished, new ones are not taken', async () => {
  await using registry = await RegistryProcess.start();
  const bytes = randomBytes(100_000);
  const location = (await fetch(`${registry.url}/v2/a/b/blobs/uploads/`, { method: 'POST' })).headers.get('location') ?? '';
  let finish: (() => void) | undefined;
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(bytes.subarray(0, 1000));
      finish = () => {
        controller.enqueue(bytes.subarray(1000));
        controller.close();
      };
    },
  });
  const put = fetch(`${registry.url}${location}?digest=${digestOf(bytes)}`, { method: 'PUT', body, duplex: 'half' } as RequestInit);
  await eventually('the request is under way', async () => assert.match(await (await fetch(`${registry.url}/metrics`)).text(), /^dhow_registry_running_requests 2$/m));
  registry.signal('SIGTERM');
  await eventually('new connections are refused', async () => await assert.rejects(fetch(`${registry.url}/v2/`)));
  finish?.();
  assert.equal((await put).status, 201);
  assert.equal(await registry.ended(), 0);
  assert.match(registry.said, /stopping: requests under way are finished first/);
});

test('a client that has gone must be in the access log with its address', async () => {
  await using registry = await RegistryProcess.start();
  const location = (await fetch(`${registry.url}/v2/a/b/blobs/uploads/`, { method: 'POST' })).headers.get('location') ?? '';
  const { hostname, port } = new URL(registry.url);
  const socket = connect(Number(port), hostname).on('error', () => undefined);
  socket.write(`PATCH ${location} HTTP/1.1\r\nHost: registry\r\nContent-Length: 100\r\n\r\nsome`, () => socket.destroy());
  const patch = (): Record<string, unknown> | undefined => registry.output.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>).find(({ method }) => method === 'PATCH');
  await eventually('it is in the log', () => assert.deepEqual([patch()?.['remote'], patch()?.['status']], [hostname, 499]));
});

test('each request must be one line of JSON in the access log, and count in the metrics', async () => {
  await using registry = await RegistryProcess.start();
  const bytes = randomBytes(5000);
  await fetch(`${registry.url}/v2/a/b/blobs/uploads/?digest=${digestOf(bytes)}`, { method: 'POST', body: bytes, headers: { 'User-Agent': 'tester/1' } });
  await (await fetch(`${registry.url}/v2/a/b/manifests/none`)).text();
  const lines = (): Record<string, unknown>[] => registry.output.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
  await eventually('both are in the log', () => assert.equal(lines().length, 2));
  const [push, pull] = lines();
  assert.deepEqual([push?.['method'], push?.['route'], push?.['repository'], push?.['status'], push?.['received'], push?.['agent']], ['POST', 'uploads', 'a/b', 201, 5000, 'tester/1']);
  assert.deepEqual([pull?.['route'], pull?.['status'], pull?.['error']], ['manifest', 404, 'MANIFEST_UNKNOWN']);
  const metrics = await (await fetch(`${registry.url}/metrics`)).text();
  for (const line of ['dhow_registry_requests_total{method="POST",route="uploads",code="201"} 1', 'dhow_registry_received_bytes_total 5000', 'dhow_registry_stored_bytes 5000', 'dhow_registry_request_duration_seconds_count{method="GET",route="manifest"} 1']) {
    assert.ok(metrics.includes(`${line}\n`), line);
  }
  assert.deepEqual(await (await fetch(`${registry.url}/healthz`)).json(), { status: 'ok' });
});

test('registry serve must become the server, with its flags over the file’s fields, and registry gc must reach it', async () => {
  const directory = mkdtempSync('/tmp/dhow-registry-cli-');
  const configuration = join(directory, 'registry.json');
  const storage = join(directory, 'storage');
  writeFileSync(configuration, JSON.stringify({ storage: '/nowhere', readOnly: true, delete: true }));
  const child = spawn(process.execPath, [commandLine, 'registry', 'serve', '--config', configuration, '--listen', '127.0.0.1:0', '--storage', storage, '--access-log', join(directory, 'access.log'), '--no-delete'], { stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    await eventually('it serves', () => assert.match(said, /serving http on 127\.0\.0\.1:\d+/));
    const url = `http://${/serving http on ([0-9.:]+)/.exec(said)?.[1]}`;
    const refused = await fetch(`${url}/v2/a/b/blobs/uploads/`, { method: 'POST' });
    assert.equal(refused.status, 405);
    await refused.text();
    await eventually('it is in the log', () => assert.match(readFileSync(join(directory, 'access.log'), 'utf8'), /"status":405/));
    const collected = spawnSync(process.execPath, [commandLine, 'registry', 'gc', '--storage', storage], { encoding: 'utf8' });
    assert.deepEqual([collected.status, collected.stdout], [0, 'Removed 0 blobs, 0 manifests and 0 unfinished uploads\nTotal reclaimed space: 0B\n']);
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    assert.deepEqual(await exit, [0, null]);
    const late = spawnSync(process.execPath, [commandLine, 'registry', 'gc', '--storage', storage], { encoding: 'utf8' });
    assert.equal(late.status, 1);
    assert.match(late.stderr, /no registry server answers for the storage/);
  } finally {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true });
  }
});

test('registry serve must say what is wrong with its flags', () => {
  const cases: readonly [readonly string[], RegExp][] = [
    [['--proxy', 'docker.io'], /--proxy takes NAME=URL/],
    [['--tls-cert', '/x'], /--tls-cert and --tls-key go together/],
    [['--tokens'], /--tokens needs the users of --htpasswd/],
    [['--listen', 'x', '--storage', '/tmp/never'], /listen: \\"x\\" is no address/],
    [['--config', '/no/such'], /configuration file \/no\/such cannot be used/],
  ];
  for (const [args, reason] of cases) {
    const { status, stderr } = spawnSync(process.execPath, [commandLine, 'registry', 'serve', ...args], { encoding: 'utf8' });
    assert.equal(status, 1, args.join(' '));
    assert.match(stderr, reason);
  }
});
