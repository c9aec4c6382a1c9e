/** Containers that cannot be ended or cleared away: nobody else may notice, and removing them must come to an end. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { ApiError } from '#client/client-error.ts';
import { readMounts } from '#kernel/mounts.ts';
import { eventually } from '../fixtures/eventually.ts';
import { shimOf } from '../fixtures/shim-of.ts';
import { SilentFiles } from '../fixtures/silent-files.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

const stateOf = (pid: number): string => /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? '';

test('a process that the kernel does not let go must be told of, hold up nobody else, and be removable once it is let go', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  using files = new SilentFiles(join(daemon.root, 'silent'));
  const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['cat', '/files/hang'], HostConfig: { Binds: [`${files.directory}:/files`] } } as never);
  await client.containers.start(Id);
  const { State, Name } = await client.containers.inspect(Id);
  await eventually('it waits in the kernel', () => files.waiting > 0);

  const removal = assert.rejects(client.containers.remove(Id, { force: true }), (error) => {
    assert.ok(error instanceof ApiError);
    assert.equal(error.status, 500);
    assert.equal(error.message, `cannot remove container "${Name}": could not kill: tried to kill container, but did not receive an exit event`);
    return true;
  });
  const stop = assert.rejects(client.containers.stop(Id, { timeout: 0 }), /cannot stop container: .*: tried to kill container, but did not receive an exit event/);
  await eventually('it is beyond killing', () => stateOf(State.Pid) === 'D');
  // Meanwhile.
  assert.equal((await daemon.run(['echo', 'others'])).output, 'others\n');
  await Promise.all([removal, stop]);
  assert.equal((await client.containers.inspect(Id)).State.Running, true, 'what runs is said to run');
  assert.match(daemon.log, new RegExp(`was killed and does not end: the kernel holds on to its processes ${State.Pid}`));

  await daemon.kill();
  await daemon.launch();
  assert.equal((await client.containers.inspect(Id)).State.Running, true);
  files[Symbol.dispose]();
  await eventually('it has ended', async () => (await client.containers.inspect(Id)).State.Status === 'exited');
  await client.containers.remove(Id, { force: true });
  await eventually('nothing is left', async () => assert.deepEqual(await daemon.remains(), []));
});

test('a start that hangs must hold up nobody else, and be given up for a forced removal', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  using files = new SilentFiles(join(daemon.root, 'silent'));
  // The runtime itself looks for the source of this mount.
  const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['true'], HostConfig: { Binds: [`${files.directory}:/a`], Mounts: [] }, WorkingDir: '/a/hang' } as never);
  const start = client.containers.start(Id).then(() => 'started', (error: unknown) => (error instanceof ApiError ? error.message : String(error)));
  await eventually('the start hangs', () => files.waiting > 0);
  assert.equal((await daemon.run(['echo', 'others'])).output, 'others\n');
  await client.containers.remove(Id, { force: true });
  assert.notEqual(await start, 'started');
  await assert.rejects(client.containers.inspect(Id), /No such container/);
  files[Symbol.dispose]();
  await daemon.kill();
  await daemon.launch();
  await eventually('nothing is left', async () => assert.deepEqual(await daemon.remains(), []));
});

test('a container whose root somebody else keeps mounted must be removed', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', 'mkdir -p /in/ner; mount -t tmpfs none /in; mkdir /in/ner; mount --bind /in/ner /mnt; echo ready; sleep 600'], HostConfig: { Privileged: true } } as never);
  await client.containers.start(Id);
  await eventually('its own mounts are made', async () => assert.match(await daemon.logsOf(Id), /ready/));
  const { GraphDriver } = await client.containers.inspect(Id);
  const merged = GraphDriver.Data?.['MergedDir'] ?? '';
  // One in a mount namespace of its own, with the root mounted and a file of it open; one in ours with its directory there.
  const holder = spawn('unshare', ['-m', 'sh', '-c', `exec 3<${merged}/bin/busybox; cd ${merged}; echo held; exec sleep 600`], { stdio: ['ignore', 'pipe', 'inherit'] });
  const nested = join(merged, 'nested');
  mkdirSync(nested);
  const mounted = spawn('mount', ['-t', 'tmpfs', 'none', nested]);
  try {
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    await new Promise((resolve) => mounted.once('exit', resolve));
    await client.containers.remove(Id, { force: true });
    assert.equal(existsSync(merged), false);
    await eventually('nothing is left', async () => assert.deepEqual(await daemon.remains(), []));
  } finally {
    holder.kill('SIGKILL');
  }
  assert.equal(readMounts().some(({ mountPoint }) => mountPoint.startsWith(merged)), false);
});

test('a shim that is stopped must hold up neither others nor a start of the daemon, and its container must be removable', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const create = async (command: string[]): Promise<string> => {
    const { Id } = await client.containers.create({ Image: 'busybox', Cmd: command } as never);
    await client.containers.start(Id);
    return Id;
  };
  const [stopped, woken, other] = [await create(['sleep', '600']), await create(['sh', '-c', 'echo begin; sleep 600']), await create(['sleep', '600'])];
  const shims = [shimOf(stopped), shimOf(woken)];
  try {
    for (const shim of shims) process.kill(shim, 'SIGSTOP');
    assert.equal((await daemon.run(['echo', 'others'])).output, 'others\n');
    await daemon.kill();
    const milliseconds = await daemon.launch();
    assert.ok(milliseconds < 15_000, `served after ${milliseconds} ms`);
    for (const id of [stopped, woken, other]) assert.equal((await client.containers.inspect(id)).State.Status, 'running');
    await client.containers.remove(stopped, { force: true });
    // It is taken up as soon as it goes on.
    process.kill(shims[1] ?? 0, 'SIGCONT');
    const { result } = await client.containers.wait(woken);
    await client.containers.kill(woken, 'TERM');
    await client.containers.kill(woken);
    assert.equal((await result).StatusCode, 137);
    assert.equal(await daemon.logsOf(woken), 'begin\n');
  } finally {
    for (const shim of shims) {
      try {
        process.kill(shim, 'SIGCONT');
      } catch {
        // Ended.
      }
    }
  }
  for (const id of [woken, other]) await client.containers.remove(id, { force: true });
  await eventually('nothing is left', async () => assert.deepEqual(await daemon.remains(), []));
});
