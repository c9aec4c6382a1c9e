/** The cgroup driver systemd: containers in scopes of systemd where it runs with cgroup v2, and the refusal elsewhere. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { systemdRunning } from '#kernel/cgroups/systemd-scopes.ts';
import { unifiedCgroups } from '#kernel/kernel-features.ts';
import { runProgram } from '#kernel/run-program.ts';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

const mebibyte = 1024 * 1024;
const driver = ['--exec-opt', 'native.cgroupdriver=systemd'];
const refusal = 'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"';

const unitOf = (id: string): string => `docker-${id}.scope`;
const directoryOf = (id: string, slice = 'system.slice'): string => `/sys/fs/cgroup/${slice}/${unitOf(id)}`;
const setting = (id: string, file: string): string => readFileSync(`${directoryOf(id)}/${file}`, 'utf8').trim();
const cgroupOf = (pid: number): string => readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim();

async function systemctl(...parameters: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runProgram('systemctl', parameters);
  assert.equal(exitCode, 0, stderr);
  return stdout.trim();
}

async function assertNoTrace(id: string): Promise<void> {
  assert.equal(existsSync(directoryOf(id)), false, 'the cgroup is left');
  assert.equal(existsSync(`/run/systemd/system.control/${unitOf(id)}.d`), false, 'notes of limits are left');
  assert.equal(await systemctl('show', '--property=LoadState', '--value', unitOf(id)), 'not-found');
}

if (!systemdRunning() || !unifiedCgroups()) {
  test('where systemd cannot make cgroups of version 2 the driver must be refused with the reason', async () => {
    await assert.rejects(TestDaemon.start({ image: false, arguments: [...driver, '--cgroup-parent', ''] }), systemdRunning() ? /requires cgroup v2/ : /systemd not running on this host, cannot use systemd cgroups manager/);
  });
} else {
  test('a parent that is no slice must be refused at the start of the daemon', async () => {
    await assert.rejects(TestDaemon.start({ image: false, arguments: [...driver, '--cgroup-parent', '/foo'] }), (error: Error) => error.message.includes(refusal));
  });

  test('containers must live in scopes of systemd', async (t) => {
    await using daemon = await TestDaemon.start({ arguments: [...driver, '--cgroup-parent', ''] });
    const { client } = daemon;
    const run = async (command: string, limits: object = {}): Promise<string> => {
      const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', command], HostConfig: limits });
      await client.containers.start(Id);
      return Id;
    };
    const sleeping = 'exec sleep 600';
    const pidOf = async (id: string): Promise<number> => (await client.containers.inspect(id)).State.Pid;

    await t.test('which info tells', async () => assert.equal((await client.system.info()).CgroupDriver, 'systemd'));

    const shimOf = async (of: string): Promise<number> => Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${await pidOf(of)}/status`, 'utf8'))?.[1]);

    const id = await run(sleeping, { Memory: 64 * mebibyte, PidsLimit: 50 });
    await t.test('under the name that Docker gives them', async () => {
      assert.equal(cgroupOf(await pidOf(id)), `0::/system.slice/${unitOf(id)}`);
      assert.equal(await systemctl('is-active', unitOf(id)), 'active');
      assert.deepEqual([setting(id, 'memory.max'), setting(id, 'pids.max')], [String(64 * mebibyte), '50']);
    });

    await t.test('with execs and counted together with them', async () => {
      const exec = await client.execs.create(id, { Cmd: ['sleep', '600'] });
      await client.execs.startDetached(exec.Id, { Tty: false });
      await eventually('both are there', async () => assert.equal(setting(id, 'cgroup.procs').split('\n').length, 2));
      for await (const { pids_stats: pids, memory_stats: memory } of await client.containers.stats(id, { oneShot: true })) {
        assert.equal(memory.limit, 64 * mebibyte);
        assert.ok((pids.current ?? 0) >= 2);
        break;
      }
    });

    await t.test('with what is updated kept over a reload of systemd', async () => {
      await client.containers.update(id, { Memory: 96 * mebibyte, PidsLimit: 20, CpuShares: 512, NanoCpus: 5e8 });
      await systemctl('daemon-reload');
      assert.deepEqual([setting(id, 'memory.max'), setting(id, 'pids.max'), setting(id, 'cpu.weight'), setting(id, 'cpu.max')], [String(96 * mebibyte), '20', '20', '50000 100000']);
      assert.equal(await systemctl('show', '--property=MemoryMax', '--value', unitOf(id)), String(96 * mebibyte));
    });

    await t.test('restarted in a new one with the same limits', async () => {
      await client.containers.restart(id, { timeout: 0 });
      assert.equal(cgroupOf(await pidOf(id)), `0::/system.slice/${unitOf(id)}`);
      assert.deepEqual([setting(id, 'memory.max'), setting(id, 'pids.max')], [String(96 * mebibyte), '20']);
    });

    await t.test('frozen and thawed there', async () => {
      await client.containers.pause(id);
      assert.equal(setting(id, 'cgroup.freeze'), '1');
      await client.containers.unpause(id);
      assert.equal(setting(id, 'cgroup.freeze'), '0');
    });

    await t.test('taken up by the next daemon', async () => {
      const before = await pidOf(id);
      await daemon.kill();
      await daemon.launch();
      assert.equal(await pidOf(id), before);
      await client.containers.update(id, { PidsLimit: 30 });
      assert.equal(setting(id, 'pids.max'), '30');
    });

    await t.test('left by no trace when removed by force', async () => {
      await client.containers.remove(id, { force: true });
      await assertNoTrace(id);
    });

    await t.test('whose lack of memory is told, and forgotten by the next start', async () => {
      const greedy = await run('[ -e /again ] && exit 3; touch /again; exec tail /dev/zero', { Memory: 16 * mebibyte, MemorySwap: 16 * mebibyte });
      await eventually('it has ended', async () => assert.equal((await client.containers.inspect(greedy)).State.Status, 'exited'));
      const { State } = await client.containers.inspect(greedy);
      assert.deepEqual([State.OOMKilled, State.ExitCode], [true, 137]);
      await client.containers.start(greedy);
      await eventually('it has ended again', async () => assert.equal((await client.containers.inspect(greedy)).State.ExitCode, 3));
      assert.equal((await client.containers.inspect(greedy)).State.OOMKilled, false);
      await eventually('nothing is left', async () => assertNoTrace(greedy));
    });

    await t.test('in the slice that is asked for, which must be one', async () => {
      const HostConfig = { CgroupParent: `${daemon.bridge}-a.slice` };
      const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sleep', '600'], HostConfig });
      await client.containers.start(Id);
      assert.equal(cgroupOf(await pidOf(Id)), `0::/${daemon.bridge}.slice/${daemon.bridge}-a.slice/${unitOf(Id)}`);
      await client.containers.remove(Id, { force: true });
      await systemctl('stop', `${daemon.bridge}.slice`);
      await assert.rejects(client.containers.create({ Image: 'busybox', HostConfig: { CgroupParent: '/foo' } }), { message: refusal });
    });

    await t.test('made by runc, too', async () => {
      const other = await run(sleeping, { Runtime: 'runc', PidsLimit: 40 });
      assert.equal(cgroupOf(await pidOf(other)), `0::/system.slice/${unitOf(other)}`);
      await client.containers.update(other, { PidsLimit: 41 });
      assert.equal(setting(other, 'pids.max'), '41');
      await client.containers.remove(other, { force: true });
      await assertNoTrace(other);
    });

    await t.test('ended where a shim was killed', async () => {
      const lost = await run(sleeping);
      process.kill(await shimOf(lost), 'SIGKILL');
      await eventually('it is booked as ended', async () => assert.equal((await client.containers.inspect(lost)).State.Running, false));
      await eventually('nothing is left', async () => assertNoTrace(lost));
    });

    await t.test('ended by the next daemon where a shim and the daemon were killed', async () => {
      const lost = await run(sleeping);
      const shim = await shimOf(lost);
      await daemon.kill();
      process.kill(shim, 'SIGKILL');
      await daemon.launch();
      await eventually('it is booked as ended', async () => assert.equal((await client.containers.inspect(lost)).State.Running, false));
      await eventually('nothing is left', async () => assertNoTrace(lost));
    });
  });
}
