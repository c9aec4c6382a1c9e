import assert from 'node:assert/strict';
import { mkdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { Bundle } from './bundle.ts';

for (const runtime of ['crun', 'runc'] as const) {
  test(`${runtime} must start a container with default settings and give it what Docker gives`, async () => {
    await using bundle = new Bundle();
    const result = await bundle.run(
      {
        args: ['sh', '-c', 'echo $(id -u) $(hostname) $(pwd); env; grep -E "^(Cap(Eff|Bnd|Prm|Inh|Amb)|NoNewPrivs|Seccomp):" /proc/self/status; cat /proc/self/oom_score_adj'],
        env: ['PATH=/bin', 'A=1'],
        domainname: 'example',
      },
      runtime,
    );
    assert.equal(result.stderr, '');
    const lines = result.stdout.trim().split('\n');
    assert.equal(lines[0], '0 box /');
    assert.deepEqual(
      lines.slice(1, -8).filter((line) => !/^(SHLVL|PWD)=/.test(line)).sort(),
      ['A=1', 'HOME=/root', 'HOSTNAME=box', 'PATH=/bin'],
    );
    assert.deepEqual(lines.slice(-8).map((line) => line.replace('\t', ' ')), [
      'CapInh: 0000000000000000',
      'CapPrm: 00000000a80425fb',
      'CapEff: 00000000a80425fb',
      'CapBnd: 00000000a80425fb',
      'CapAmb: 0000000000000000',
      'NoNewPrivs: 0',
      'Seccomp: 2',
      '0',
    ]);
  });

  test(`${runtime} must take every setting at once`, async () => {
    await using bundle = new Bundle();
    mkdirSync(join(bundle.directory, 'data'));
    writeFileSync(join(bundle.directory, 'data/file'), 'content');
    const specification = await bundle.build({
      args: ['sh', '-c', 'id; cat /proc/sys/kernel/msgmax /data/file; grep NoNewPrivs /proc/self/status; test -c /dev/mynull && echo device; touch /x || df -k /dev/shm | grep -c 8192; grep " /scratch " /proc/mounts; ulimit -Hn; ulimit -Sn; cat /proc/self/oom_score_adj; ls -d /proc/keys && head -c 5 /proc/keys | wc -c'],
      env: ['PATH=/bin'],
      user: 'app',
      hostConfig: {
        CapAdd: ['net_admin'],
        CapDrop: ['CAP_MKNOD'],
        GroupAdd: ['2000'],
        ReadonlyRootfs: true,
        ShmSize: 8 * 1024 * 1024,
        Sysctls: { 'kernel.msgmax': '65536' },
        Tmpfs: { '/scratch': 'size=1m,exec' },
        Ulimits: [
          { Name: 'nofile', Soft: 100, Hard: 200 },
          { Name: 'core', Soft: -1, Hard: -1 },
        ],
        OomScoreAdj: 500,
        SecurityOpt: ['no-new-privileges'],
        Devices: [{ PathOnHost: '/dev/null', PathInContainer: '/dev/mynull', CgroupPermissions: 'rw' }],
        DeviceCgroupRules: ['c 10:* rw'],
        Memory: 64 * 1024 * 1024,
        MemoryReservation: 32 * 1024 * 1024,
        NanoCpus: 500_000_000,
        CpuShares: 512,
        CpusetCpus: '0',
        PidsLimit: 100,
        BlkioDeviceReadBps: [],
        Annotations: { 'org.example': 'yes' },
      },
      input: {
        mounts: [{ destination: '/data', type: 'bind', source: join(bundle.directory, 'data'), options: ['rbind', 'rro', 'rprivate'] }],
      },
    });
    const result = await bundle.runSpecification(specification, runtime);
    const lines = result.stdout.trim().split('\n');
    assert.equal(lines[0], 'uid=1500(app) gid=1600(appgrp) groups=1600(appgrp),1700(staff),2000', result.stderr);
    assert.deepEqual(lines.slice(1, 5), ['65536', 'contentNoNewPrivs:\t1', 'device', '1']);
    assert.match(lines[5] ?? '', /^tmpfs \/scratch tmpfs rw,nosuid,nodev,relatime,size=1024k/);
    assert.deepEqual(lines.slice(6), ['200', '100', '500', '/proc/keys', '0']);
    assert.match(result.stderr, /\/x: Read-only file system/);
  });

  test(`${runtime} must give a privileged container devices, capabilities and writable system mounts`, async () => {
    await using bundle = new Bundle();
    const result = await bundle.run(
      {
        args: ['sh', '-c', 'mount -t tmpfs t /tmp && echo mounted; grep -c " /sys sysfs rw" /proc/mounts; test -c /dev/kmsg && echo kmsg; grep -E "Seccomp:|CapEff" /proc/self/status; grep -c " /proc/sys " /proc/mounts'],
        env: ['PATH=/bin'],
        hostConfig: { Privileged: true },
      },
      runtime,
    );
    assert.equal(result.stderr, '');
    const mask = bundle.host.capabilities.length;
    const lines = result.stdout.trim().split('\n');
    assert.deepEqual([lines[0], lines[1], lines[2], lines[4], lines[5]], ['mounted', '1', 'kmsg', 'Seccomp:\t0', '0']);
    const bits = BigInt(`0x${lines[3]?.split('\t')[1] ?? '0'}`).toString(2).replaceAll('0', '').length;
    assert.equal(bits, mask);
  });
}

test('modes that share the namespaces of the host must do so', async () => {
  await using bundle = new Bundle();
  const result = await bundle.run({
    args: ['sh', '-c', 'hostname; for name in uts ipc net pid; do readlink /proc/self/ns/$name; done'],
    env: ['PATH=/bin'],
    hostConfig: { UTSMode: 'host', IpcMode: 'host', PidMode: 'host', NetworkMode: 'host' },
    input: { sharedMemory: '/dev/shm' },
  });
  assert.equal(result.stdout, [hostname(), ...['uts', 'ipc', 'net', 'pid'].map((name) => readlinkSync(`/proc/self/ns/${name}`)), ''].join('\n'), result.stderr);
});

test('an own cgroup namespace must hide where the container is', async () => {
  await using bundle = new Bundle();
  const own = await bundle.run({ args: ['cat', '/proc/self/cgroup'], env: ['PATH=/bin'], hostConfig: { CgroupnsMode: 'private' } });
  assert.ok(!own.stdout.includes(bundle.id), own.stdout + own.stderr);
  const shared = await bundle.run({ args: ['cat', '/proc/self/cgroup'], env: ['PATH=/bin'], hostConfig: { CgroupnsMode: 'host' } });
  assert.ok(shared.stdout.includes(bundle.cgroupsPath), shared.stdout + shared.stderr);
});

test('an init program must be bound and started before the command', async () => {
  await using bundle = new Bundle();
  const init = join(bundle.directory, 'init');
  writeFileSync(init, '#!/bin/sh\necho init "$@"\n', { mode: 0o755 });
  const result = await bundle.run({ args: ['echo', 'x'], env: ['PATH=/bin'], input: { init } });
  assert.equal(result.stdout, 'init -- echo x\n', result.stderr);
});

test('a container must be kept in the limits of its cgroup', { timeout: 30_000 }, async () => {
  await using bundle = new Bundle();
  const specification = await bundle.build({
    args: ['sh', '-c', 'echo up; x=a; while :; do x=$x$x; done'],
    env: ['PATH=/bin'],
    hostConfig: { Memory: 16 * 1024 * 1024, MemorySwap: 16 * 1024 * 1024 },
  });
  const child = bundle.start(specification);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  assert.equal(code, 137);
  // Of version 2 the runtime removes the cgroup when the process ends; the parent, which counts for all below it, stays.
  const counted = bundle.cgroups.version === 2 ? dirname(bundle.cgroupsPath) : bundle.cgroupsPath;
  assert.equal(bundle.cgroups.oomKilled(counted), true);
});
