/** The first start after the machine was started anew: what a former boot left, and who runs then. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { readMounts, unmount } from '#kernel/mounts.ts';
import { runProgram } from '#kernel/run-program.ts';
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

/** What a reboot ends: processes, mounts, interfaces, firewall, everything on tmpfs. */
async function endEverything(daemon: TestDaemon): Promise<void> {
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
  await runProgram('ip', ['link', 'delete', daemon.bridge]);
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
