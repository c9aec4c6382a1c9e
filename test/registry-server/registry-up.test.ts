/** `registry up`, `status`, `gc` and `down`: the registry as a container of the daemon. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'node:test';
import { TestDaemon } from '#test/fixtures/test-daemon.ts';
import { eventually } from '#test/fixtures/eventually.ts';
import { freePort } from '#test/fixtures/free-port.ts';
import { digestOf } from './test-registry.ts';

const home = fileURLToPath(new URL('../..', import.meta.url));

/** Exit code and output of the command line against the daemon. */
async function dhow(daemon: TestDaemon, ...args: string[]): Promise<{ status: number; output: string }> {
  const child = spawn(process.execPath, [join(home, 'bin/dhow.mjs'), '-H', `unix://${daemon.socket}`, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [status] = (await once(child, 'close')) as [number];
  return { status, output };
}

// The set-up has made it, but for a tree that has been taken as it is.
if (!existsSync(join(home, 'build/registry-server.cjs'))) execFileSync(process.execPath, [join(home, 'scripts/bundle-cli.mjs')], { stdio: 'inherit' });

test('a registry must come up as a container, outlive the daemon, and keep its images when it goes', async () => {
  await using daemon = await TestDaemon.start();
  const port = await freePort();
  const up = async (...more: string[]): Promise<{ status: number; output: string }> => await dhow(daemon, 'registry', 'up', '-p', `127.0.0.1:${port}`, ...more);
  assert.equal((await dhow(daemon, 'registry', 'status')).status, 3);
  const first = await up();
  assert.equal(first.status, 0, first.output);
  assert.match(first.output, new RegExp(`The registry "registry" serves on 127\\.0\\.0\\.1:${port}, its images are in dhow-registry`));
  const url = `http://127.0.0.1:${port}`;
  const bytes = randomBytes(1000);
  const push = await fetch(`${url}/v2/a/b/blobs/uploads/?digest=${digestOf(bytes)}`, { method: 'POST', body: bytes });
  assert.equal(push.status, 201);
  const has = async (): Promise<number> => (await fetch(`${url}/v2/a/b/blobs/${digestOf(bytes)}`, { method: 'HEAD' })).status;

  const again = await up();
  assert.match(again.output, /runs already on 127\.0\.0\.1/);
  const status = await dhow(daemon, 'registry', 'status');
  assert.equal(status.status, 0);
  assert.match(status.output, new RegExp(`State: +running[\\s\\S]*Address: +127\\.0\\.0\\.1:${port}[\\s\\S]*Images in: +volume dhow-registry`));
  const inspected = await daemon.client.containers.inspect('registry');
  assert.equal(inspected.HostConfig.RestartPolicy.Name, 'always');

  await daemon.kill();
  assert.equal(await has(), 200);
  await daemon.launch();
  assert.equal((await dhow(daemon, 'registry', 'status')).status, 0);
  await eventually('it is reached', async () => assert.equal(await has(), 200));
  const collected = await dhow(daemon, 'registry', 'gc', '--name', 'registry', '--grace', '0s');
  assert.deepEqual([collected.status, collected.output], [0, 'Removed 1 blobs, 0 manifests and 0 unfinished uploads\nTotal reclaimed space: 1kB\n']);
  await fetch(`${url}/v2/a/b/blobs/uploads/?digest=${digestOf(bytes)}`, { method: 'POST', body: bytes });

  const changed = await up('--read-only');
  assert.equal(changed.status, 0, changed.output);
  assert.equal((await fetch(`${url}/v2/a/b/blobs/uploads/`, { method: 'POST' })).status, 405);
  assert.equal(await has(), 200);

  assert.match((await dhow(daemon, 'registry', 'down')).output, /has been removed, its images are kept/);
  await assert.rejects(has());
  assert.equal((await up()).status, 0);
  assert.equal(await has(), 200);
  assert.match((await dhow(daemon, 'registry', 'down', '--volumes')).output, /and its volume dhow-registry have been removed/);
  await assert.rejects(daemon.client.volumes.inspect('dhow-registry'));
  assert.equal((await dhow(daemon, 'registry', 'down')).status, 1);
});

test('a registry must not take the name of another container, and say why it does not start', async () => {
  await using daemon = await TestDaemon.start();
  await daemon.client.containers.create({ Image: 'busybox', Cmd: ['true'] }, { name: 'registry' });
  const taken = await dhow(daemon, 'registry', 'up', '-p', String(await freePort()));
  assert.equal(taken.status, 1);
  assert.match(taken.output, /the container "registry" is not one of "registry up"/);
  const wrong = await dhow(daemon, 'registry', 'up', '--name', 'other', '-p', `127.0.0.1:${await freePort()}`, '--mirror', 'nowhere');
  assert.equal(wrong.status, 1);
  assert.match(wrong.output, /the registry does not start: mirror: there is no upstream "nowhere"/);
  await assert.rejects(daemon.client.containers.inspect('other'));
});
