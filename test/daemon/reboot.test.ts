/** The first start after the machine was started anew: what a former boot left, and who runs then. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { readMounts, unmount } from '#kernel/mounts.ts';
import { runProgram } from '#kernel/run-program.ts';
import { freePort } from '../fixtures/free-port.ts';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

test('after a reboot restart policies must decide who runs, and nothing of the former boot be taken for alive', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const ids: Record<string, string> = {};
  const create = async (name: string, policy: { Name: string; MaximumRetryCount: number }, stopped = false): Promise<void> => {
    const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sleep', '600'], HostConfig: { RestartPolicy: policy, PortBindings: {} } } as never, { name });
    ids[name] = Id;
    await client.containers.start(Id);
    if (stopped) await client.containers.stop(Id, { timeout: 0 });
  };
  await create('always', { Name: 'always', MaximumRetryCount: 0 });
  await create('always-stopped', { Name: 'always', MaximumRetryCount: 0 }, true);
  await create('unless-stopped', { Name: 'unless-stopped', MaximumRetryCount: 0 });
  await create('unless-stopped-stopped', { Name: 'unless-stopped', MaximumRetryCount: 0 }, true);
  await create('on-failure', { Name: 'on-failure', MaximumRetryCount: 3 });
  await create('no', { Name: 'no', MaximumRetryCount: 0 });
  const volume = await client.volumes.create({ Name: 'kept' });
  const { Id: execId } = await client.execs.create(ids['no'] ?? '', { Cmd: ['sleep', '600'] });
  await client.execs.startDetached(execId, { Tty: false });

  await daemon.stop();
  await endEverything(daemon);
  // The execution root is on a tmpfs; one that is not has what another boot wrote.
  const handover = { execs: [{ id: execId, containerId: ids['no'], request: {}, state: 'running', pid: process.pid, shimPid: process.pid }], boot: 'another' };
  writeFileSync(join(daemon.executionRoot, 'handover.json'), JSON.stringify(handover));
  await daemon.launch();

  const stateOf = async (name: string): Promise<string> => (await client.containers.inspect(ids[name] ?? '')).State.Status;
  for (const name of ['always', 'always-stopped', 'unless-stopped', 'on-failure']) await eventually(`${name} runs`, async () => assert.equal(await stateOf(name), 'running'));
  for (const name of ['unless-stopped-stopped', 'no']) assert.equal(await stateOf(name), 'exited');
  assert.notEqual((await client.containers.inspect(ids['no'] ?? '')).State.ExitCode, 0);
  await assert.rejects(client.execs.inspect(execId), /No such exec instance/);
  assert.ok((await client.volumes.list()).Volumes?.some(({ Name }) => Name === volume.Name));
  assert.equal((await daemon.run(['echo', 'works'])).output, 'works\n');
  await client.containers.start(ids['no'] ?? '');
  assert.equal(await stateOf('no'), 'running');
});

test('after a reboot published ports, networks with static addresses, names, volumes and counts of restarts must be what they were', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const [port, third] = [await freePort(), 16 + randomInt(200)];
  const [subnet, fixed, later] = [`10.213.${third}.0/24`, `10.213.${third}.77`, `10.213.${third}.88`];
  const network = await client.networks.create({ Name: 'lan', IPAM: { Driver: 'default', Config: [{ Subnet: subnet, Gateway: `10.213.${third}.9` }] }, Options: { 'com.docker.network.bridge.name': `${daemon.bridge}l` } } as never);
  const create = async (name: string, command: string[], host: Record<string, unknown>, address?: string): Promise<string> => {
    const { Id } = await client.containers.create({
      Image: 'busybox',
      Cmd: command,
      ExposedPorts: { '80/tcp': {} },
      HostConfig: { ...host, NetworkMode: 'lan' },
      NetworkingConfig: { EndpointsConfig: { lan: address === undefined ? {} : { IPAMConfig: { IPv4Address: address } } } },
    } as never, { name });
    await client.containers.start(Id);
    return Id;
  };
  const stateOf = async (id: string): Promise<string> => (await client.containers.inspect(id)).State.Status;
  const addressOf = async (id: string): Promise<string | undefined> => (await client.containers.inspect(id)).NetworkSettings.Networks?.['lan']?.IPAddress;
  const boots = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/boots`, { headers: { connection: 'close' }, signal: AbortSignal.timeout(5000) })).text();
  const served = { Binds: ['pages:/pages'], PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: String(port) }] } };
  const web = await create('web', ['sh', '-c', 'echo boot >> /pages/boots; exec httpd -f -p 80 -h /pages'], { ...served, RestartPolicy: { Name: 'always', MaximumRetryCount: 0 } }, fixed);
  const stopped = await create('stopped', ['sleep', '600'], { RestartPolicy: { Name: 'unless-stopped', MaximumRetryCount: 0 } }, later);
  await client.containers.stop(stopped, { timeout: 0 });
  const done = await create('done', ['true'], { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 0 } });
  const exhausted = await create('exhausted', ['sh', '-c', 'exit 3'], { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 1 } });
  const failing = await create('failing', ['sleep', '600'], { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 } });
  await eventually('the server answers', async () => assert.equal(await boots(), 'boot\n'));
  await eventually('the ones that end have ended', async () => {
    assert.deepEqual([await stateOf(done), await stateOf(exhausted)], ['exited', 'exited']);
    assert.equal((await client.containers.inspect(exhausted)).RestartCount, 1);
  });

  await daemon.stop();
  await endEverything(daemon, `${daemon.bridge}l`);
  await daemon.launch();

  await eventually('the server answers again', async () => assert.equal(await boots(), 'boot\nboot\n'));
  await eventually('what a failure ended runs', async () => assert.equal(await stateOf(failing), 'running'));
  assert.deepEqual([await stateOf(stopped), await stateOf(done), await stateOf(exhausted)], ['exited', 'exited', 'exited']);
  assert.equal(await addressOf(web), fixed);
  assert.deepEqual((await client.networks.inspect('lan')).IPAM.Config?.map(({ Subnet }) => Subnet), [subnet]);
  assert.equal((await client.networks.inspect('lan')).Id, network.Id);
  assert.deepEqual((await client.containers.inspect(web)).NetworkSettings.Ports?.['80/tcp'], [{ HostIp: '127.0.0.1', HostPort: String(port) }]);
  assert.deepEqual(await daemon.run(['wget', '-qO-', 'http://web/boots'], { NetworkMode: 'lan' }), { exitCode: 0, output: 'boot\nboot\n' });
  // Both the address and the port are taken, and free for whom they are kept.
  await assert.rejects(create('thief', ['sleep', '600'], {}, fixed), /Address already in use/);
  await assert.rejects(create('second', ['sleep', '600'], { PortBindings: served.PortBindings }), /port is already allocated/);
  await client.containers.start(stopped);
  assert.equal(await addressOf(stopped), later);
  for (const { Id } of await client.containers.list({ all: true })) await client.containers.remove(Id, { force: true });
  await client.networks.remove('lan');
});

/** What a reboot ends: processes, mounts, interfaces, firewall, everything on tmpfs. */
async function endEverything(daemon: TestDaemon, ...bridges: string[]): Promise<void> {
  const shims = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && commandLineOf(name).includes(daemon.root)).map(Number);
  const children = shims.flatMap((pid) => childrenOf(pid));
  for (const pid of [...shims, ...children]) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      assert.ok(error instanceof Error && 'code' in error && error.code === 'ESRCH');
    }
  }
  await eventually('all processes have ended', async () => {
    for (const pid of [...shims, ...children]) assert.equal(commandLineOf(String(pid)), '');
  });
  for (const { mountPoint } of readMounts().filter((entry) => entry.mountPoint.startsWith(`${daemon.root}/`)).toReversed()) unmount(mountPoint);
  for (const bridge of [daemon.bridge, ...bridges]) await runProgram('ip', ['link', 'delete', bridge]);
  for (const family of ['inet', 'ip', 'ip6']) await runProgram('nft', ['delete', 'table', family, `dhow_${daemon.bridge}`]);
  for (const name of readdirSync(daemon.executionRoot)) rmSync(join(daemon.executionRoot, name), { recursive: true, force: true });
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter((text) => text !== '').map(Number);
  } catch {
    return [];
  }
}
