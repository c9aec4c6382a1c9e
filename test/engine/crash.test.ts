/** The daemon killed at any moment: containers, their output and their exit codes must survive it. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { shimOf } from '../fixtures/shim-of.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

async function actionsOf(client: TestDaemon['client'], id: string): Promise<string[]> {
  const actions: string[] = [];
  const past = await client.system.events({ since: '0', until: String(Date.now() / 1000), filters: { container: [id], event: ['kill', 'restart'] }, signal: AbortSignal.timeout(5000) });
  for await (const { Action } of past) actions.push(Action);
  return actions;
}

test('twenty containers must run on under a daemon that was killed, lose no line, and be adopted within two seconds', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const counting = 'i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo line $i; usleep 5000; done; exit 7';
  const ids = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      // Half of them end while no daemon runs, the others later.
      const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', index % 2 === 0 ? `echo begin; ${counting}` : 'echo begin; sleep 120'] } as never);
      await client.containers.start(Id);
      return Id;
    }),
  );
  await eventually('all have begun', async () => {
    for (const id of ids) assert.match(await daemon.logsOf(id), /begin/);
  });
  const pids = await Promise.all(ids.map(async (id) => (await client.containers.inspect(id)).State.Pid));
  await daemon.kill();
  const ending = pids.filter((_, index) => index % 2 === 0);
  await eventually('those that count have ended without a daemon', () => ending.every((pid) => !existsSync(`/proc/${pid}`)), 60_000);
  assert.ok(pids.every((pid, index) => index % 2 === 0 || existsSync(`/proc/${pid}`)), 'the others run on');

  const milliseconds = await daemon.launch();
  // Two seconds for a machine that has nothing else to do.
  const limit = 2000 * Math.max(1, (loadavg()[0] ?? 0) / availableParallelism());
  assert.ok(milliseconds < limit, `serving again took ${Math.round(milliseconds)} ms`);
  for (const [index, id] of ids.entries()) {
    const { State } = await client.containers.inspect(id);
    if (index % 2 === 1) {
      assert.deepEqual([State.Status, State.Pid], ['running', pids[index]]);
      continue;
    }
    assert.deepEqual([State.Status, State.ExitCode], ['exited', 7]);
    const lines = (await daemon.logsOf(id)).trim().split('\n');
    assert.deepEqual(lines, ['begin', ...Array.from({ length: 400 }, (_, line) => `line ${line + 1}`)]);
  }
  // Adopted means whole: streams, signals and exit still work.
  const sleeper = ids[1] ?? '';
  const { result } = await client.containers.wait(sleeper);
  await client.containers.kill(sleeper);
  assert.equal((await result).StatusCode, 137);
  for (const id of ids) await client.containers.remove(id, { force: true });
  await eventually('nothing is left', async () => assert.deepEqual(await daemon.remains(), []));
});

test('a shim that is killed must end its container with a reason and leave nothing', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sleep', '120'] } as never);
  await client.containers.start(Id);
  const { State } = await client.containers.inspect(Id);
  process.kill(shimOf(Id), 'SIGKILL');
  await eventually('it is reported as ended', async () => (await client.containers.inspect(Id)).State.Status === 'exited');
  await eventually('its process is gone', () => !existsSync(`/proc/${State.Pid}`));
  await client.containers.remove(Id);
  await eventually('nothing is left', async () => assert.deepEqual(await daemon.remains(), []));
});

test('a daemon killed in the middle of starts and removals must lose and double nothing', async () => {
  await using daemon = await TestDaemon.start();
  for (let round = 0; round < 6; round++) {
    const names = Array.from({ length: 6 }, (_, index) => `r${round}-${index}`);
    const work = names.map(async (name, index) => {
      await daemon.client.containers.create({ Image: 'busybox', Cmd: ['sleep', index % 2 === 0 ? '0.02' : '120'] } as never, { name });
      await daemon.client.containers.start(name);
      if (index % 3 === 0) await daemon.client.containers.remove(name, { force: true });
    });
    const settled = Promise.allSettled(work);
    // Another moment every round: after as many answers as the round has.
    await Promise.race([settled, ...work.slice(round, round + 1)]).catch(() => undefined);
    await daemon.kill();
    await settled;
    await daemon.launch();
    const containers = await daemon.client.containers.list({ all: true });
    assert.equal(new Set(containers.flatMap(({ Names }) => Names)).size, containers.length);
    for (const { Id, State } of containers) {
      const { State: seen } = await daemon.client.containers.inspect(Id);
      assert.ok(['created', 'running', 'exited'].includes(State), State);
      assert.equal(seen.Pid !== 0, seen.Running);
      if (seen.Running) assert.ok(existsSync(`/proc/${seen.Pid}`), 'what is said to run runs');
    }
  }
  for (const { Id } of await daemon.client.containers.list({ all: true })) await daemon.client.containers.remove(Id, { force: true });
  await eventually('nothing is left', async () => assert.deepEqual(await daemon.remains(), []));
});

test('a restart that a crash of the daemon cut short must be finished by the next one, also of a container that goes with its end', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const stubborn = ['sh', '-c', 'trap "" TERM; echo begun; while :; do sleep 1; done'];
  const ids = await Promise.all(
    [{}, { AutoRemove: true }, {}, { AutoRemove: true }].map(async (HostConfig) => {
      const { Id } = await client.containers.create({ Image: 'busybox', Cmd: stubborn, HostConfig } as never);
      await client.containers.start(Id);
      await eventually('it ignores the signal', async () => assert.match(await daemon.logsOf(Id), /begun/));
      return Id;
    }),
  );
  const before = await Promise.all(ids.map(async (id) => (await client.containers.inspect(id)).State.Pid));
  const cutShort = ids.map((id) => client.containers.restart(id, { timeout: 8 }).then(() => 'done', () => 'cut short'));
  await eventually('all are being stopped', async () => {
    for (const id of ids) assert.ok((await actionsOf(client, id)).includes('kill'));
  });
  await daemon.kill();
  assert.deepEqual(await Promise.all(cutShort), ids.map(() => 'cut short'));
  // Two end while no daemon runs.
  for (const pid of before.slice(2)) process.kill(pid, 'SIGKILL');
  await eventually('they have ended', () => before.slice(2).every((pid) => !existsSync(`/proc/${pid}`)));
  await daemon.launch();
  await eventually('all were started anew', async () => {
    for (const [place, id] of ids.entries()) {
      const { State } = await client.containers.inspect(id);
      assert.equal(State.Status, 'running');
      assert.notEqual(State.Pid, before[place]);
    }
  }, 60_000);
  await eventually('and it was told of', async () => {
    for (const id of ids) assert.ok((await actionsOf(client, id)).includes('restart'));
  });
  // And the request is forgotten: another crash restarts nothing.
  const after = await Promise.all(ids.map(async (id) => (await client.containers.inspect(id)).State.Pid));
  await daemon.kill();
  await daemon.launch();
  assert.deepEqual(await Promise.all(ids.map(async (id) => (await client.containers.inspect(id)).State.Pid)), after);
  for (const id of ids) await client.containers.kill(id);
});

test('a restart whose new run began and ended while the daemon was going down must not run a second time', async () => {
  const place = mkdtempSync('/tmp/dhow-stopping-');
  const runtime = join(place, 'crun');
  const stopNow = join(place, 'stop-now');
  // The runtime of the second run stops the daemon before that can learn of the start.
  writeFileSync(runtime, `#!/bin/sh\n/usr/bin/crun "$@"\ncode=$?\nif [ -e ${stopNow} ]; then kill -STOP "$(cat ${stopNow})"; rm ${stopNow}; fi\nexit $code\n`, { mode: 0o755 });
  await using cleaning = new AsyncDisposableStack();
  cleaning.defer(() => rmSync(place, { recursive: true }));
  await using daemon = await TestDaemon.start({ arguments: ['--add-runtime', `stopping=${runtime}`] });
  const { client } = daemon;
  for (const AutoRemove of [false, true]) {
    const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', 'echo run >> /runs/list; [ $(wc -l < /runs/list) -gt 1 ] || exec sleep 600'], HostConfig: { AutoRemove, Runtime: 'stopping', Binds: [`${place}/runs-${AutoRemove}:/runs`] } } as never);
    await client.containers.start(Id);
    const runs = (): string => readFileSync(join(place, `runs-${AutoRemove}/list`), 'utf8');
    await eventually('its first run has begun', () => runs() === 'run\n');
    writeFileSync(stopNow, String(daemon.pid));
    const restart = client.containers.restart(Id, { timeout: 0 }).then(() => 'done', () => 'cut short');
    await eventually('its second run has begun', () => runs() === 'run\nrun\n');
    await eventually('its second run has ended', () => existsSync(join(daemon.dataRoot, 'containers', Id, 'exit.json')));
    await daemon.kill();
    assert.equal(await restart, 'cut short');
    await daemon.launch();
    if (AutoRemove) await eventually('it went with its end', async () => assert.deepEqual(await client.containers.list({ all: true }), []));
    else {
      assert.equal((await client.containers.inspect(Id)).State.Status, 'exited');
      await client.containers.remove(Id);
    }
    // What a next run would need is done in the order it was asked for.
    await daemon.run(['true']);
    assert.equal(runs(), 'run\nrun\n');
  }
});
