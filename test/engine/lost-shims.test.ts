/** The process that holds a container is killed: the container is told to have ended and why, and nothing of it runs on. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ContainerInspect } from '#schema/container-config.ts';
import { eventually } from '../fixtures/eventually.ts';
import { shimOf } from '../fixtures/shim-of.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';
import { leftBehind } from './storm/left-behind.ts';

const reason = /the shim that held the container \(dhow-shim\) was killed/;

/** Pids of the machine whose command line has this word. */
function processesWith(word: string): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return line.includes(word) && !line.includes('dhow-shim') && pid !== process.pid;
    } catch {
      return false;
    }
  });
}

/** A number of seconds that nobody else sleeps. */
const seconds = (): string => String(100_000 + Math.floor(Math.random() * 800_000));

async function begin(daemon: TestDaemon, command: string[], host: Record<string, unknown> = {}): Promise<ContainerInspect> {
  const { Id } = await daemon.client.containers.create({ Image: 'busybox', Cmd: command, HostConfig: host } as never);
  await daemon.client.containers.start(Id);
  return daemon.client.containers.inspect(Id);
}

async function nothingLeft(daemon: TestDaemon): Promise<void> {
  await eventually('nothing is left', async () => {
    assert.deepEqual(await leftBehind(daemon), []);
    assert.deepEqual(await daemon.remains(), []);
  });
}

test('a container whose shim is killed must end with the reason, with every process it has in whatever namespace', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const [own, more, executed] = [seconds(), seconds(), seconds()];
  const donor = await begin(daemon, ['sleep', '3600']);
  for (const host of [{}, { PidMode: `container:${donor.Id}` }, { PidMode: 'host' }]) {
    const { Id, State } = await begin(daemon, ['sh', '-c', `sleep ${more} & (trap "" TERM HUP; setsid sleep ${more}) & exec sleep ${own}`], host);
    const exec = await client.execs.create(Id, { Cmd: ['sleep', executed] });
    await client.execs.startDetached(exec.Id, { Tty: false });
    await eventually('all of it runs', () => processesWith(own).length > 0 && processesWith(more).length >= 2 && processesWith(executed).length > 0);
    process.kill(shimOf(Id), 'SIGKILL');
    await eventually('it is told to have ended', async () => (await client.containers.inspect(Id)).State.Status === 'exited');
    const ended = (await client.containers.inspect(Id)).State;
    assert.equal(ended.ExitCode, 137);
    assert.match(ended.Error, reason);
    await eventually('no process of it is left', () => !existsSync(`/proc/${State.Pid}`) && [own, more, executed].every((word) => processesWith(word).length === 0));
    assert.equal((await client.containers.inspect(donor.Id)).State.Running, true, 'the container whose namespace it shares runs on');
    // The next start is a start like any other.
    await client.containers.start(Id);
    assert.equal((await client.containers.inspect(Id)).State.Error, '');
    await client.containers.remove(Id, { force: true });
  }
  await client.containers.remove(donor.Id, { force: true });
  await nothingLeft(daemon);
});

test('a paused container whose shim is killed must end', async () => {
  await using daemon = await TestDaemon.start();
  const { Id, State } = await begin(daemon, ['sleep', '3600']);
  await daemon.client.containers.pause(Id);
  process.kill(shimOf(Id), 'SIGKILL');
  await eventually('it has ended', async () => (await daemon.client.containers.inspect(Id)).State.Status === 'exited');
  await eventually('its process is gone', () => !existsSync(`/proc/${State.Pid}`));
  await daemon.client.containers.remove(Id);
  await nothingLeft(daemon);
});

test('a container whose shim is killed must be started again, or removed, as its policy says', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const again = await begin(daemon, ['sleep', '3600'], { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } });
  const once = await begin(daemon, ['sleep', '3600'], { AutoRemove: true });
  for (const { Id } of [again, once]) process.kill(shimOf(Id), 'SIGKILL');
  await eventually('it runs again', async () => {
    const { State, RestartCount } = await client.containers.inspect(again.Id);
    return State.Status === 'running' && State.Pid !== again.State.Pid && RestartCount === 1;
  });
  await eventually('it is removed', async () => (await client.containers.list({ all: true })).every(({ Id }) => Id !== once.Id));
  await client.containers.remove(again.Id, { force: true });
  await nothingLeft(daemon);
});

test('shims that are killed while no daemon runs must be found by the next one', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const [word, executed] = [seconds(), seconds()];
  const lost = await begin(daemon, ['sh', '-c', `sleep ${word} & exec sleep ${word}`], { PidMode: 'host' });
  const again = await begin(daemon, ['sleep', '3600'], { RestartPolicy: { Name: 'always', MaximumRetryCount: 0 } });
  const host = await begin(daemon, ['sleep', '3600']);
  const exec = await client.execs.create(host.Id, { Cmd: ['sleep', executed] });
  await client.execs.startDetached(exec.Id, { Tty: false });
  await eventually('the exec runs', () => processesWith(executed).length === 1);
  const shims = [shimOf(lost.Id), shimOf(again.Id), execShimOf(host.Id)];
  await daemon.kill();
  for (const shim of shims) process.kill(shim, 'SIGKILL');
  await daemon.launch();
  const ended = (await client.containers.inspect(lost.Id)).State;
  assert.deepEqual([ended.Status, ended.ExitCode], ['exited', 137]);
  assert.match(ended.Error, reason);
  await eventually('it runs again', async () => (await client.containers.inspect(again.Id)).State.Status === 'running');
  assert.equal((await client.containers.inspect(host.Id)).State.Pid, host.State.Pid);
  await eventually('nothing of the lost ones runs', () => [word, executed].every((each) => processesWith(each).length === 0));
  for (const { Id } of [lost, again, host]) await client.containers.remove(Id, { force: true });
  await nothingLeft(daemon);
});

test('an exec whose shim is killed must end, and its container must not', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const executed = seconds();
  const { Id, State } = await begin(daemon, ['sleep', '3600']);
  const exec = await client.execs.create(Id, { Cmd: ['sleep', executed], AttachStdout: true });
  const stream = await client.execs.startAttached(exec.Id, { Tty: false });
  // The daemon knows of it only some time after the process runs.
  await eventually('the exec runs', async () => (await client.execs.inspect(exec.Id)).Pid > 0 && processesWith(executed).length === 1);
  process.kill(execShimOf(Id), 'SIGKILL');
  for await (const _chunk of stream) assert.fail('it prints nothing');
  await eventually('it is told to have ended', async () => {
    const { Running, ExitCode } = await client.execs.inspect(exec.Id);
    return !Running && ExitCode === 137;
  });
  await eventually('its process is gone', () => processesWith(executed).length === 0);
  assert.equal((await client.containers.inspect(Id)).State.Pid, State.Pid);
  await client.containers.remove(Id, { force: true });
  await nothingLeft(daemon);
});

test('an exec whose shim is killed before the daemon is told of the process must fail to start, and nothing of it run on', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const { Id } = await begin(daemon, ['sleep', '3600']);
  for (let round = 0; round < 3; round += 1) {
    const executed = seconds();
    const exec = await client.execs.create(Id, { Cmd: ['sleep', executed], AttachStdout: true });
    const started = client.execs.startAttached(exec.Id, { Tty: false });
    let shim: number | undefined;
    for (const end = performance.now() + 10_000; shim === undefined && performance.now() < end; ) {
      await nextTurn();
      shim = findExecShim(Id);
    }
    assert.ok(shim !== undefined, 'a shim of the exec is started');
    process.kill(shim, 'SIGSTOP');
    // It may have been stopped before it started the runtime, or after it told of the process.
    for (const end = performance.now() + 1500; processesWith(executed).length === 0 && performance.now() < end; ) await nextTurn();
    process.kill(shim, 'SIGKILL');
    for await (const _chunk of await started);
    await eventually('it is told to have ended', async () => {
      const { Running, ExitCode, Pid } = await client.execs.inspect(exec.Id);
      assert.deepEqual([Running, ExitCode], [false, Pid === 0 ? 128 : 137]);
    });
    await eventually('its process is gone', () => processesWith(executed).length === 0);
  }
  assert.equal((await client.containers.inspect(Id)).State.Running, true);
  await client.containers.remove(Id, { force: true });
  await nothingLeft(daemon);
});

function execShimOf(containerId: string): number {
  const found = findExecShim(containerId);
  if (found === undefined) throw new Error(`no exec runs in container ${containerId}`);
  return found;
}

function findExecShim(containerId: string): number | undefined {
  const found = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).find((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return words[0]?.endsWith('/dhow-shim') === true && words.includes(containerId) && words.includes('--process');
    } catch {
      return false;
    }
  });
  return found === undefined ? undefined : Number(found);
}
