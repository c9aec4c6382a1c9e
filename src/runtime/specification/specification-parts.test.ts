import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildExecProcess } from '../exec-process.ts';
import { capabilitySet, defaultCapabilities, normalizeCapabilities } from './capability-set.ts';
import { containerDevices, parseDeviceRule, type DeviceSource } from './devices.ts';
import { buildEnvironment } from './environment.ts';
import { bindOptions, containerMounts, type MountsInput } from './mounts.ts';
import { outOfMemoryScore, processLimits, type LimitSource } from './process-limits.ts';
import { cgroupResources, type ResourceSettings } from './resources.ts';
import { parseSecurityOptions } from './security-options.ts';
import { mergeTmpfsOptions } from './tmpfs-options.ts';
import { capabilityNames } from '#kernel/capabilities.ts';

const messageFrom = (work: () => unknown): string => {
  try {
    return `no error: ${JSON.stringify(work())}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

test('the environment must have defaults first, each variable once, and HOME at the end', () => {
  const base = { hostname: 'box', terminal: false, home: '/root', variables: [] };
  const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  assert.deepEqual(buildEnvironment(base), [path, 'HOSTNAME=box', 'HOME=/root']);
  assert.deepEqual(buildEnvironment({ ...base, terminal: true, links: ['DB_NAME=/a/db'], variables: ['A=1', 'PATH=/bin', 'A=2=3'] }), [
    'PATH=/bin',
    'HOSTNAME=box',
    'TERM=xterm',
    'DB_NAME=/a/db',
    'A=2=3',
    'HOME=/root',
  ]);
  assert.deepEqual(buildEnvironment({ ...base, variables: ['PATH', 'HOSTNAME', 'HOME=', 'E='] }), ['E=', 'HOME=/root']);
  assert.deepEqual(buildEnvironment({ ...base, variables: ['HOME=/h', 'X=1'] }), [path, 'HOSTNAME=box', 'HOME=/h', 'X=1']);
});

test('an executed command must get the environment of its own terminal and user and the limits of the container', () => {
  const capabilities = { bounding: ['CAP_CHOWN'], effective: ['CAP_CHOWN'], permitted: ['CAP_CHOWN'] };
  const unlimited: number = JSON.parse('18446744073709551615');
  const container = {
    user: { uid: 0, gid: 0, additionalGids: [0] },
    args: ['x'],
    env: [],
    cwd: '/work',
    capabilities,
    rlimits: [{ type: 'RLIMIT_MEMLOCK', soft: 5, hard: unlimited }],
    noNewPrivileges: true,
    oomScoreAdj: 5,
  };
  const input = {
    container,
    containerEnv: ['PATH=/bin', 'A=1', 'B=2'],
    hostname: 'box',
    args: ['id'],
    env: ['A=9', 'B'],
    workingDirectory: '',
    terminal: true,
    user: { uid: 33, gid: 33, additionalGids: [33], home: '/var/www' },
    privileged: false,
    availableCapabilities: capabilityNames,
  };
  assert.equal(
    JSON.stringify(buildExecProcess(input)),
    JSON.stringify({ terminal: true, user: { uid: 33, gid: 33, additionalGids: [33] }, args: ['id'], env: ['PATH=/bin', 'HOSTNAME=box', 'TERM=xterm', 'A=9', 'HOME=/var/www'], cwd: '/work', capabilities, rlimits: 'LIMITS', noNewPrivileges: true, oomScoreAdj: 5 }).replace(
      '"LIMITS"',
      '[{"type":"RLIMIT_MEMLOCK","soft":5,"hard":18446744073709551615}]',
    ),
  );
  assert.equal(buildExecProcess({ ...input, privileged: true, workingDirectory: '/tmp' }).capabilities.effective.length, capabilityNames.length);
});

test('capabilities must be added and dropped by any spelling of their names', () => {
  const set = (CapAdd: string[] | null, CapDrop: string[] | null, Privileged = false): readonly string[] => capabilitySet({ CapAdd, CapDrop, Privileged }, capabilityNames);
  assert.deepEqual(set(null, null), defaultCapabilities);
  assert.deepEqual(set(['net_admin', 'CAP_chown'], ['Mknod']), [...defaultCapabilities.filter((name) => name !== 'CAP_MKNOD'), 'CAP_NET_ADMIN']);
  assert.deepEqual(set(['CHOWN'], ['all']), ['CAP_CHOWN']);
  assert.deepEqual(set(['ALL'], ['SYS_ADMIN']), capabilityNames.filter((name) => name !== 'CAP_SYS_ADMIN'));
  assert.deepEqual(set([], ['ALL']), []);
  assert.deepEqual(set(null, ['ALL'], true), capabilityNames);
});

test("unknown and unavailable capabilities must be refused in Docker's words", () => {
  assert.equal(messageFrom(() => normalizeCapabilities('CapAdd', ['bogus'], capabilityNames)), 'invalid CapAdd: unknown capability: "CAP_BOGUS"');
  assert.equal(
    messageFrom(() => normalizeCapabilities('CapDrop', ['sys_resource'], ['CAP_CHOWN'])),
    'invalid CapDrop: capability not supported by your kernel or not available in the current environment: "CAP_SYS_RESOURCE"',
  );
});

test('of tmpfs options that contradict each other the last must win', () => {
  assert.deepEqual(mergeTmpfsOptions(['noexec', 'nosuid', 'nodev', 'rprivate', 'rw', 'exec']), ['nosuid', 'nodev', 'rprivate', 'rw', 'exec']);
  assert.deepEqual(mergeTmpfsOptions(['size=1m', 'mode=700', 'defaults', 'size=2m', 'shared']), ['mode=700', 'size=2m', 'shared']);
  for (const option of ['bogus=1', 'bogus', '', 'size', 'a=b=c']) {
    assert.equal(messageFrom(() => mergeTmpfsOptions([option])), `invalid tmpfs option ${JSON.stringify(option.split('=')[0])}`);
  }
});

test('security options must be read with both separators and refused in words', () => {
  const seccomp = '{"defaultAction":"SCMP_ACT_ALLOW"}';
  assert.deepEqual(parseSecurityOptions(['no-new-privileges', 'label=disable', `seccomp=${seccomp}`, 'apparmor:unconfined', 'writable-cgroups=false', 'disable']), {
    noNewPrivileges: true,
    writableCgroups: false,
    apparmorProfile: 'unconfined',
    seccompProfile: seccomp,
  });
  assert.equal(parseSecurityOptions(['no-new-privileges=0']).noNewPrivileges, false);
  assert.equal(messageFrom(() => parseSecurityOptions(['nonsense'])), 'invalid --security-opt 1: "nonsense"');
  assert.equal(messageFrom(() => parseSecurityOptions(['bogus=1'])), 'invalid --security-opt 2: "bogus=1"');
  assert.equal(messageFrom(() => parseSecurityOptions(['no-new-privileges=maybe'])), 'invalid --security-opt 2: "no-new-privileges=maybe"');
});

test('limits that the engine cannot raise must be refused as runc refuses them', () => {
  const source: LimitSource = { resourceLimits: { nofile: { soft: 1024, hard: 4096 } }, outOfMemoryScore: 0, mayRaiseLimits: false };
  assert.equal(
    JSON.stringify(processLimits([{ Name: 'nofile', Soft: 5, Hard: 4096 }, { Name: 'nproc', Soft: 1, Hard: -1 }], source)),
    '[{"type":"RLIMIT_NOFILE","soft":5,"hard":4096},{"type":"RLIMIT_NPROC","soft":1,"hard":18446744073709551615}]',
  );
  assert.equal(
    messageFrom(() => processLimits([{ Name: 'nofile', Soft: 5000, Hard: 6000 }], source)),
    'error during container init: error setting rlimits for ready process: error setting rlimit type 7: operation not permitted',
  );
  const free = { ...source, mayRaiseLimits: true };
  assert.equal(JSON.stringify(processLimits([{ Name: 'nofile', Soft: 5000, Hard: 6000 }], free)), '[{"type":"RLIMIT_NOFILE","soft":5000,"hard":6000}]');
  assert.equal(messageFrom(() => outOfMemoryScore(-500, source)), "can't get final child's PID from pipe: EOF");
  assert.equal(outOfMemoryScore(500, source), 500);
  assert.equal(outOfMemoryScore(0, { ...source, outOfMemoryScore: 100 }), 100);
  assert.equal(outOfMemoryScore(-500, free), -500);
});

const mountsInput: MountsInput = {
  settings: { IpcMode: 'private', ShmSize: 1000, Privileged: false, ReadonlyRootfs: false },
  files: { resolvConf: '/e/resolv.conf', hostname: '/e/hostname', hosts: '/e/hosts' },
  mounts: [],
  writableCgroups: false,
};
const destinations = (input: MountsInput): string[] => containerMounts(input).map((mount) => mount.destination);
const system = ['/proc', '/dev', '/dev/pts', '/sys', '/sys/fs/cgroup', '/dev/mqueue', '/dev/shm'];
const networkFiles = ['/etc/resolv.conf', '/etc/hostname', '/etc/hosts'];
const bind = (destination: string) => ({ destination, type: 'bind', source: '/s', options: ['rbind'] });

test('mounts must be ordered by the depth of their places, after those of the system', () => {
  const mounts = [bind('/a/b/c'), bind('/a'), bind('/a/b'), bind('/z/')];
  assert.deepEqual(destinations({ ...mountsInput, mounts, settings: { ...mountsInput.settings, Tmpfs: { '/t/u': '', '/t': 'size=1m' } }, init: '/init' }), [
    ...system,
    '/sbin/docker-init',
    '/t',
    '/a',
    '/z/',
    '/t/u',
    '/a/b',
    ...networkFiles,
    '/a/b/c',
  ]);
});

test("a mount of the user must take the place of the engine's own", () => {
  assert.deepEqual(destinations({ ...mountsInput, mounts: [bind('/dev')] }), ['/proc', '/sys', '/sys/fs/cgroup', '/dev', ...networkFiles]);
  const hosts = containerMounts({ ...mountsInput, mounts: [bind('/etc/hosts'), bind('/dev/shm')] });
  assert.equal(hosts.filter((mount) => mount.destination === '/etc/hosts').length, 1);
  assert.equal(hosts.find((mount) => mount.destination === '/etc/hosts')?.source, '/s');
  assert.equal(hosts.find((mount) => mount.destination === '/dev/shm')?.type, 'bind');
  const tmpfs = containerMounts({ ...mountsInput, mounts: [bind('/t')], settings: { ...mountsInput.settings, Tmpfs: { '/t': '' } } });
  assert.deepEqual(tmpfs.filter((mount) => mount.destination === '/t').map((mount) => mount.type), ['tmpfs']);
});

test('shared memory must follow the IPC mode', () => {
  const shm = (IpcMode: string, sharedMemory?: string) => containerMounts({ ...mountsInput, settings: { ...mountsInput.settings, IpcMode }, sharedMemory }).filter((mount) => mount.destination === '/dev/shm');
  assert.deepEqual(shm('private')[0]?.options, ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=1000']);
  assert.deepEqual(shm('none'), []);
  assert.deepEqual(shm('shareable', '/run/shm'), [{ destination: '/dev/shm', type: 'bind', source: '/run/shm', options: ['rbind', 'rprivate', 'nosuid', 'noexec', 'nodev'] }]);
});

test('read-only and privileged containers must differ in their system mounts', () => {
  const options = (input: MountsInput, destination: string): readonly string[] => containerMounts(input).find((mount) => mount.destination === destination)?.options ?? [];
  assert.ok(options(mountsInput, '/sys').includes('ro') && options(mountsInput, '/sys/fs/cgroup').includes('ro'));
  const privileged = { ...mountsInput, writableCgroups: true, settings: { ...mountsInput.settings, Privileged: true } };
  assert.ok(!options(privileged, '/sys').includes('ro') && !options(privileged, '/sys/fs/cgroup').includes('ro'));
  const readonly = { ...mountsInput, settings: { ...mountsInput.settings, ReadonlyRootfs: true } };
  assert.deepEqual(options(readonly, '/etc/hosts'), ['rbind', 'ro', 'rprivate']);
  assert.deepEqual(bindOptions({ writable: false, propagation: '', recursiveReadonly: true }), ['rbind', 'rro']);
  assert.deepEqual(bindOptions({ writable: false, propagation: 'rslave', nonRecursive: true, readonlyNonRecursive: true, recursiveReadonly: true }), ['bind', 'ro', 'slave']);
  assert.deepEqual(bindOptions({ writable: true, propagation: '', recursiveReadonly: true }), ['rbind']);
});

const node = { type: 'c' as const, major: 1, minor: 3, fileMode: 0o666, uid: 0, gid: 0 };
const devices: DeviceSource = {
  devicesAt: (host, container) => (host === '/dev/gone' ? { reason: 'no such file or directory' } : [{ ...node, path: container }]),
  hostDevices: () => [{ ...node, path: '/dev/all' }],
};
const noDevices = { Privileged: false, Devices: null, DeviceCgroupRules: null, DeviceRequests: null };

test('devices must bring their rules, and be refused in words when they are missing', () => {
  const mapping = { PathOnHost: '/dev/null', PathInContainer: '/dev/x', CgroupPermissions: 'r' };
  const given = containerDevices({ ...noDevices, Devices: [mapping, mapping], DeviceCgroupRules: ['b 8:* rw'] }, devices);
  assert.deepEqual(given.nodes, [{ ...node, path: '/dev/x' }]);
  assert.deepEqual(given.rules.slice(-2), [
    { allow: true, type: 'c', major: 1, minor: 3, access: 'r' },
    { allow: true, type: 'b', major: 8, minor: -1, access: 'rw' },
  ]);
  assert.deepEqual(given.rules[0], { allow: false, access: 'rwm' });
  const privileged = containerDevices({ ...noDevices, Privileged: true, Devices: [mapping, { ...mapping, PathInContainer: '/dev/null' }] }, devices);
  assert.deepEqual(privileged.rules, [{ allow: true, access: 'rwm' }]);
  assert.deepEqual(privileged.nodes.map((device) => device.path), ['/dev/all', '/dev/x']);
  assert.equal(
    messageFrom(() => containerDevices({ ...noDevices, Devices: [{ ...mapping, PathOnHost: '/dev/gone' }] }, devices)),
    'error gathering device information while adding custom device "/dev/gone": no such file or directory',
  );
  const request = { Driver: '', Count: -1, DeviceIDs: null, Capabilities: [['gpu']], Options: null };
  assert.equal(messageFrom(() => containerDevices({ ...noDevices, DeviceRequests: [request] }, devices)), 'could not select device driver "" with capabilities: [[gpu]]');
});

test('rules of the device controller must be read, or refused in words', () => {
  assert.deepEqual(parseDeviceRule('a *:* rwm'), { allow: true, type: 'a', major: -1, minor: -1, access: 'rwm' });
  assert.equal(messageFrom(() => parseDeviceRule('x')), "invalid device cgroup rule format: 'x'");
  assert.equal(messageFrom(() => parseDeviceRule(`c ${'9'.repeat(24)}:1 r`)), `invalid major value in device cgroup rule format: 'c ${'9'.repeat(24)}:1 r'`);
});

test('limits must be translated as Docker translates them', () => {
  const settings: ResourceSettings = {
    Memory: 0,
    MemoryReservation: 0,
    MemorySwap: 0,
    MemorySwappiness: null,
    OomKillDisable: false,
    CpuShares: 0,
    CpusetCpus: '',
    CpusetMems: '',
    NanoCpus: 0,
    CpuPeriod: 0,
    CpuQuota: 0,
    CpuRealtimePeriod: 0,
    CpuRealtimeRuntime: 0,
    PidsLimit: null,
    BlkioWeight: 0,
    BlkioWeightDevice: [],
    BlkioDeviceReadBps: null,
    BlkioDeviceWriteBps: null,
    BlkioDeviceReadIOps: null,
    BlkioDeviceWriteIOps: null,
  };
  const numbersOf = (path: string) => (path === '/dev/sda' ? { major: 8, minor: 0 } : { reason: 'no such file or directory' });
  const resources = (more: Partial<ResourceSettings>) => cgroupResources({ ...settings, ...more }, undefined, numbersOf);
  assert.deepEqual(resources({}), { memory: { disableOOMKiller: false }, blockIO: {} });
  assert.deepEqual(resources({ Memory: 100, MemorySwap: -1, MemorySwappiness: 0, OomKillDisable: null }).memory, { limit: 100, swappiness: 0 });
  assert.deepEqual(resources({ NanoCpus: 1_500_000_000, CpuShares: 2 }).cpu, { shares: 2, quota: 150_000, period: 100_000 });
  assert.deepEqual(resources({ CpuPeriod: 5000, CpuQuota: -1, CpusetCpus: '0-1' }).cpu, { quota: -1, period: 5000, cpus: '0-1' });
  assert.deepEqual([resources({ PidsLimit: 0 }).pids, resources({ PidsLimit: 7 }).pids, resources({}).pids], [{ limit: -1 }, { limit: 7 }, undefined]);
  assert.deepEqual(resources({ BlkioWeight: 20, BlkioDeviceWriteIOps: [{ Path: '/dev/sda', Rate: 9 }] }).blockIO, { weight: 20, throttleWriteIOPSDevice: [{ major: 8, minor: 0, rate: 9 }] });
  assert.equal(messageFrom(() => resources({ BlkioDeviceReadBps: [{ Path: '/dev/gone', Rate: 9 }] })), 'stat /dev/gone: no such file or directory');
});
