import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { isFailure } from '#base/errors/failure.ts';
import type { CgroupManager } from '#kernel/cgroups/contract.ts';
import { findCgroupMounts } from '#kernel/cgroups/hierarchies.ts';
import { versionOneManager } from '#kernel/cgroups/version-one.ts';
import { versionTwoManager } from '#kernel/cgroups/version-two.ts';

const mounts = findCgroupMounts();
const parent = `/dhow-test-cgroups-${process.pid}`;
const mebibyte = 1024 * 1024;

interface Subject {
  readonly manager: CgroupManager;
  /** Makes the cgroup, as the engine or the runtime does; answers the files a process writes itself into. */
  readonly make: (path: string) => readonly string[];
  readonly directoryOf: (path: string, controller: string) => string;
}

function versionOne(): Subject | undefined {
  if (mounts.hierarchies.length === 0) return undefined;
  const manager = versionOneManager(mounts.hierarchies);
  return {
    manager,
    make: (path) => {
      const placement = manager.create(path, {});
      return placement.kind === 'join' ? placement.tasksFiles : [];
    },
    directoryOf: (path, controller) => `${mounts.hierarchies.find((hierarchy) => hierarchy.controllers.includes(controller))?.mountPoint}${path}`,
  };
}

function versionTwo(): Subject | undefined {
  const { unified } = mounts;
  if (unified === undefined) return undefined;
  return {
    manager: versionTwoManager(unified),
    make: (path) => {
      mkdirSync(`${unified}${path}`, { recursive: true });
      return [`${unified}${path}/cgroup.procs`];
    },
    directoryOf: (path) => `${unified}${path}`,
  };
}

/** A shell in the cgroup that has said it is there. */
async function startIn(files: readonly string[], script: string, onOutput: (text: string) => void = () => undefined): Promise<ChildProcess> {
  const child = spawn('sh', ['-c', `${files.map((file) => `echo 0 > ${file}`).join(' && ')} && echo in && ${script}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  // From the first byte on: what the script prints may come together with the word that it has joined.
  child.stdout?.on('data', (chunk: Buffer) => onOutput(chunk.toString()));
  if (child.stdout !== null) await once(child.stdout, 'data');
  return child;
}

function cleanUp(t: TestContext, manager: CgroupManager): void {
  t.after(async () => {
    for (const name of manager.list(parent)) await manager.kill(`${parent}/${name}`);
    await manager.remove(parent);
  });
}

for (const [version, subject] of [[1, versionOne()], [2, versionTwo()]] as const) {
  const skip = subject === undefined ? `cgroups of version ${version} are not mounted here` : false;
  const { manager, make } = subject ?? { manager: versionTwoManager('/nonexistent'), make: () => [] };

  test(`version ${version}: a cgroup must be seen, list its processes, also below it, and be removed`, { skip }, async (t) => {
    cleanUp(t, manager);
    const path = `${parent}/seen`;
    assert.equal(manager.exists(path), false);
    const files = make(path);
    assert.equal(manager.exists(path), true);
    assert.deepEqual(manager.list(parent), ['seen']);
    const below = make(`${path}/below`);
    const [outer, inner] = [await startIn(files, 'exec sleep 600'), await startIn(below, 'exec sleep 600')];
    assert.deepEqual(manager.processes(path), [outer.pid, inner.pid].sort((a, b) => Number(a) - Number(b)));
    assert.equal(await manager.remove(path), false, 'a cgroup with processes must stay');
    await manager.kill(path);
    assert.deepEqual(manager.processes(path), []);
    assert.equal(await manager.remove(path), true);
    assert.equal(manager.exists(path), false);
    assert.equal(await manager.remove(path), true, 'removing what is gone must be fine');
    assert.deepEqual(manager.processes(path), []);
    assert.equal(manager.oomKilled(path), false);
    assert.deepEqual(manager.list(`${parent}/none`), []);
  });

  test(`version ${version}: freezing must stop every process until it is thawed`, { skip }, async (t) => {
    cleanUp(t, manager);
    const path = `${parent}/frozen`;
    const child = await startIn(make(path), 'while :; do echo tick; sleep 0.01; done');
    const ticks = { count: 0 };
    child.stdout?.on('data', () => {
      ticks.count += 1;
    });
    if (child.stdout !== null) await once(child.stdout, 'data');
    await manager.freeze(path);
    const before = cpuTime(child.pid);
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    const seen = ticks.count;
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.equal(cpuTime(child.pid), before);
    assert.equal(ticks.count, seen);
    await manager.thaw(path);
    if (child.stdout !== null) await once(child.stdout, 'data');
    await manager.kill(path);
  });

  test(`version ${version}: killing must reach a process that forks all the time, also frozen`, { skip }, async (t) => {
    cleanUp(t, manager);
    const path = `${parent}/forking`;
    await startIn(make(path), 'spin() { while :; do (:) ; done; }; spin & spin & wait');
    await manager.kill(path);
    assert.deepEqual(manager.processes(path), []);
    await startIn(make(path), 'exec sleep 600');
    await manager.freeze(path);
    await manager.kill(path);
    assert.deepEqual(manager.processes(path), []);
  });

  test(`version ${version}: an aborted freeze must leave the cgroup thawed`, { skip }, async (t) => {
    cleanUp(t, manager);
    const path = `${parent}/aborted`;
    const child = await startIn(make(path), 'read -r _ < /dev/zero; exec sleep 600');
    await assert.rejects(manager.freeze(path, AbortSignal.abort(new Error('given up'))), /given up/);
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
}

const one = versionOne();
const skipOne = one === undefined ? 'cgroups of version 1 are not mounted here' : false;

test('version 1: limits must be in the files of the kernel, and changeable up and down', { skip: skipOne }, async (t) => {
  if (one === undefined) return;
  const { manager, directoryOf } = one;
  cleanUp(t, manager);
  const path = `${parent}/limits`;
  const read = (controller: string, file: string): string => readFileSync(`${directoryOf(path, controller)}/${file}`, 'utf8').trim();
  const placement = manager.create(path, {
    memory: { limit: 64 * mebibyte, swap: 128 * mebibyte, reservation: 32 * mebibyte, swappiness: 10, disableOOMKiller: true },
    cpu: { shares: 512, quota: 50_000, period: 100_000, cpus: '0', mems: '0' },
    pids: { limit: 20 },
    devices: [
      { allow: false, access: 'rwm' },
      { allow: true, type: 'c', major: 1, minor: 11, access: 'r' },
      { allow: false, type: 'c', major: 10, minor: 229, access: 'rwm' },
    ],
  });
  assert.equal(placement.kind, 'join');
  assert.deepEqual(
    [
      read('memory', 'memory.limit_in_bytes'),
      read('memory', 'memory.memsw.limit_in_bytes'),
      read('memory', 'memory.soft_limit_in_bytes'),
      read('memory', 'memory.swappiness'),
      read('memory', 'memory.oom_control').split('\n')[0],
      read('cpu', 'cpu.shares'),
      read('cpu', 'cpu.cfs_quota_us'),
      read('cpu', 'cpu.cfs_period_us'),
      read('cpuset', 'cpuset.cpus'),
      read('pids', 'pids.max'),
    ],
    [String(64 * mebibyte), String(128 * mebibyte), String(32 * mebibyte), '10', 'oom_kill_disable 1', '512', '50000', '100000', '0', '20'],
  );
  const devices = read('devices', 'devices.list').split('\n');
  assert.ok(devices.includes('c 1:11 r') && devices.includes('c 1:3 rwm') && devices.includes('c 136:* rwm'));
  assert.ok(!devices.includes('a *:* rwm') && !devices.some((rule) => rule.startsWith('c 10:229')));

  manager.update(path, { memory: { limit: 256 * mebibyte, swap: 512 * mebibyte, disableOOMKiller: false }, cpu: { quota: 500_000, period: 1_000_000 }, pids: { limit: -1 } });
  assert.deepEqual([read('memory', 'memory.limit_in_bytes'), read('memory', 'memory.memsw.limit_in_bytes'), read('cpu', 'cpu.cfs_period_us'), read('pids', 'pids.max')], [String(256 * mebibyte), String(512 * mebibyte), '1000000', 'max']);
  assert.match(read('memory', 'memory.oom_control'), /^oom_kill_disable 0/);
  manager.update(path, { memory: { limit: 32 * mebibyte, swap: 40 * mebibyte } });
  assert.deepEqual([read('memory', 'memory.limit_in_bytes'), read('memory', 'memory.memsw.limit_in_bytes')], [String(32 * mebibyte), String(40 * mebibyte)]);
  manager.update(path, { memory: { limit: -1 } });
  assert.ok(Number(read('memory', 'memory.limit_in_bytes')) > 2 ** 60 && Number(read('memory', 'memory.memsw.limit_in_bytes')) > 2 ** 60);
});

test('version 1: a process that joins must be in every hierarchy and bound by the limits', { skip: skipOne }, async (t) => {
  if (one === undefined) return;
  const { manager } = one;
  cleanUp(t, manager);
  const path = `${parent}/joined`;
  const placement = manager.create(path, { memory: { limit: 32 * mebibyte, swap: 32 * mebibyte }, pids: { limit: 8 }, devices: [{ allow: false, access: 'rwm' }] });
  assert.ok(placement.kind === 'join');
  let text = '';
  const child = await startIn(placement.tasksFiles, 'cat /proc/self/cgroup; head -c 1 /dev/zero | wc -c; head -c 1 /dev/kmsg 2>&1; (for i in 1 2 3 4 5 6 7 8 9 10; do sleep 600 & done) 2>&1; exec sleep 600', (more) => {
    text += more;
  });
  while (!/fork|Resource/.test(text) && child.stdout !== null) await once(child.stdout, 'data');
  const memberships = text.split('\n').filter((line) => /^\d+:[^:]/.test(line));
  assert.equal(memberships.length, mounts.hierarchies.length);
  assert.ok(memberships.every((line) => line.endsWith(`:${path}`)), text);
  assert.match(text, /^1$/m);
  assert.match(text, /Operation not permitted/);
  const statistics = manager.statistics(path);
  assert.ok((statistics.memory.usage ?? 0) > 0 && statistics.memory.limit === 32 * mebibyte);
  assert.ok((statistics.cpu.total ?? 0) > 0 && statistics.cpu.perProcessor !== undefined);
  assert.ok((statistics.pids.current ?? 0) >= 1 && statistics.pids.limit === 8);
  await manager.kill(path);
});

test('version 1: what the kernel refuses must fail with the file named, and leave nothing behind', { skip: skipOne }, async (t) => {
  if (one === undefined) return;
  const { manager } = one;
  cleanUp(t, manager);
  const path = `${parent}/refused`;
  assert.throws(() => manager.create(path, { cpu: { cpus: '4000' } }), (error) => isFailure(error, 'kernel.cgroup_setting_refused') && /cannot set .*cpuset\.cpus to 4000: /.test(error.message));
  assert.equal(manager.exists(path), false);
  assert.throws(() => manager.create(path, { cpu: { shares: 1 } }), /the minimum allowed cpu-shares is 2/);
  assert.throws(() => manager.create(path, { cpu: { shares: 300_000 } }), /the maximum allowed cpu-shares is 262144/);
  assert.equal(manager.exists(path), false);
});

test('version 1: a cgroup must be made where it is left over, and below a parent of the user', { skip: skipOne }, async (t) => {
  if (one === undefined) return;
  const { manager, directoryOf } = one;
  cleanUp(t, manager);
  const path = `${parent}/deep/er/leftover`;
  manager.create(path, { pids: { limit: 5 } });
  manager.create(path, { pids: { limit: 6 } });
  assert.equal(readFileSync(`${directoryOf(path, 'pids')}/pids.max`, 'utf8'), '6\n');
  assert.notEqual(readFileSync(`${directoryOf(path, 'cpuset')}/cpuset.mems`, 'utf8').trim(), '');
  assert.ok(existsSync(directoryOf(`${parent}/deep`, 'memory')));
});

test('a path that leads out must be a bug', () => {
  const { manager } = one ?? versionTwo() ?? { manager: versionTwoManager('/nonexistent') };
  for (const path of ['/', 'relative', '/a/../../b', '/a//b']) assert.throws(() => manager.exists(path), /^Error: bug/, path);
});

function cpuTime(pid: number | undefined): string {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ').slice(13, 17).join(' ');
}
