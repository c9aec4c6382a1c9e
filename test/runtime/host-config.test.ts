import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostConfig } from '#schema/container-config.ts';
import type { CgroupFacts } from '#kernel/cgroups/contract.ts';
import { capabilityNames } from '#kernel/capabilities.ts';
import { emptyHostConfig } from './empty-host-config.ts';
import { normalizeHostConfig, type HostConfigDefaults } from '#runtime/host-config/normalize-host-config.ts';
import { verifyHostConfig, verifyModes } from '#runtime/host-config/verify-host-config.ts';
import { verifyResources } from '#runtime/host-config/verify-resources.ts';

const capable: CgroupFacts = {
  version: 1,
  memoryLimit: true,
  swapLimit: true,
  memoryReservation: true,
  memorySwappiness: true,
  oomKillDisable: true,
  tcpMemoryLimit: true,
  cpuShares: true,
  cpuQuota: true,
  cpuRealtime: true,
  cpuset: true,
  processors: '0-1',
  memoryNodes: '0',
  pidsLimit: true,
  devices: true,
  blockWeight: true,
  blockWeightDevice: true,
  blockReadBytes: true,
  blockWriteBytes: true,
  blockReadOperations: true,
  blockWriteOperations: true,
  namespaces: true,
};
const incapable: CgroupFacts = {
  ...capable,
  ...Object.fromEntries(Object.entries(capable).filter(([, value]) => value === true).map(([key]) => [key, false])),
};
const mebibyte = 1024 * 1024;

/** The refusal's text, or the warnings. */
function outcome(more: Partial<HostConfig>, facts = capable, update = false): string | string[] {
  try {
    return verifyResources({ ...emptyHostConfig, ...more }, { cgroups: facts, processorCount: 2 }, { update }).warnings;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const refusals: readonly (readonly [Partial<HostConfig>, string])[] = [
  [{ Memory: 5 * mebibyte }, 'Minimum memory limit allowed is 6MB'],
  [{ Memory: 64 * mebibyte, MemorySwap: 32 * mebibyte }, 'Minimum memoryswap limit should be larger than memory limit, see usage'],
  [{ MemorySwap: 32 * mebibyte }, 'You should always set the Memory limit when using Memoryswap limit, see usage'],
  [{ Memory: 32 * mebibyte, MemoryReservation: 64 * mebibyte }, 'Minimum memory limit can not be less than memory reservation limit, see usage'],
  [{ MemoryReservation: mebibyte }, 'Minimum memory reservation allowed is 6MB'],
  [{ MemorySwappiness: 101 }, 'Invalid value: 101, valid memory swappiness range is 0-100'],
  [{ NanoCpus: 5e8, CpuQuota: 1000 }, 'Conflicting options: Nano CPUs and CPU Quota cannot both be set'],
  [{ NanoCpus: 5e8, CpuPeriod: 1000 }, 'Conflicting options: Nano CPUs and CPU Period cannot both be set'],
  [{ NanoCpus: 3e9 }, 'range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available'],
  [{ NanoCpus: -1 }, 'range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available'],
  [{ CpuQuota: 10 }, 'CPU cfs quota can not be less than 1ms (i.e. 1000)'],
  [{ CpuPeriod: 10 }, 'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)'],
  [{ CpuShares: -1 }, 'invalid CPU shares (-1): value must be a positive integer'],
  [{ CpusetCpus: 'x-y' }, 'Invalid value x-y for cpuset cpus: invalid format: x-y'],
  [{ CpusetCpus: '5' }, 'Requested CPUs are not available - requested 5, available: 0-1'],
  [{ CpusetMems: '1' }, 'Requested memory nodes are not available - requested 1, available: 0'],
  [{ CpusetCpus: '1-9223372036854775807' }, 'Invalid value 1-9223372036854775807 for cpuset cpus: value of out range, maximum is 8192'],
  [{ CpusetCpus: '1-0' }, 'Invalid value 1-0 for cpuset cpus: invalid format: 1-0'],
  [{ BlkioWeight: 5 }, 'Range of blkio weight is from 10 to 1000'],
  [{ IOMaximumIOps: 1 }, 'invalid option: QoS maximum IOPs configuration is not supported on linux'],
  [{ CpuRealtimePeriod: 10, CpuRealtimeRuntime: 20 }, 'cpu real-time runtime cannot be higher than cpu real-time period'],
];

test("limits that make no sense must be refused in Docker's words", () => {
  for (const [config, text] of refusals) assert.equal(outcome(config), text, JSON.stringify(config));
});

test('limits that make sense must pass without warnings', () => {
  assert.deepEqual(
    outcome({ Memory: 64 * mebibyte, MemorySwap: -1, MemorySwappiness: 0, MemoryReservation: 6 * mebibyte, NanoCpus: 2e9, CpuShares: 2, CpusetCpus: '0-1,1', CpusetMems: '0', PidsLimit: 5, BlkioWeight: 10 }),
    [],
  );
  assert.deepEqual(outcome({ MemorySwap: 32 * mebibyte }, capable, true), []);
});

test('what the machine cannot do must be discarded with a warning each', () => {
  const throttle = [{ Path: '/dev/sda', Rate: 1 }];
  const config: Partial<HostConfig> = {
    Memory: 64 * mebibyte,
    MemorySwappiness: 5,
    MemoryReservation: 32 * mebibyte,
    OomKillDisable: true,
    PidsLimit: 5,
    CpuShares: 5,
    CpuQuota: 5000,
    CpusetCpus: '0',
    BlkioWeight: 20,
    BlkioWeightDevice: [{ Path: '/dev/sda', Weight: 20 }],
    BlkioDeviceReadBps: throttle,
    BlkioDeviceWriteBps: throttle,
    BlkioDeviceReadIOps: throttle,
    BlkioDeviceWriteIOps: throttle,
  };
  const { config: kept, warnings } = verifyResources({ ...emptyHostConfig, ...config }, { cgroups: incapable, processorCount: 2 });
  assert.equal(warnings.length, 14);
  assert.ok(warnings.every((warning) => warning.endsWith('iscarded.')), warnings.join('\n'));
  assert.deepEqual(
    [kept.Memory, kept.MemorySwap, kept.MemorySwappiness, kept.MemoryReservation, kept.OomKillDisable, kept.PidsLimit, kept.CpuShares, kept.CpuQuota, kept.CpusetCpus, kept.BlkioWeight, kept.BlkioDeviceWriteIOps],
    [0, -1, null, 0, null, null, 0, 0, '', 0, []],
  );
  assert.equal(outcome({ NanoCpus: 1e9 }, incapable), 'NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted');
  assert.equal(outcome({ CpuRealtimePeriod: 1 }, incapable), 'kernel does not support CPU real-time scheduler');
});

test('a container without the kernel killing for memory, and without a limit, must be warned of', () => {
  assert.deepEqual(outcome({ OomKillDisable: true }), [
    'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.',
  ]);
});

const defaults: HostConfigDefaults = { cgroupVersion: 1, capabilities: capabilityNames, maskedProcessorPaths: ['/sys/devices/system/cpu/cpu0/thermal_throttle'] };

test('what a request leaves open must be filled in', () => {
  const config = normalizeHostConfig({ ...emptyHostConfig, Memory: 100, RestartPolicy: { Name: '', MaximumRetryCount: 0 }, PidsLimit: -1 }, defaults);
  assert.deepEqual(
    [config.NetworkMode, config.IpcMode, config.CgroupnsMode, config.ShmSize, config.MemorySwap, config.OomKillDisable, config.Runtime, config.RestartPolicy.Name, config.PidsLimit, config.SecurityOpt],
    ['bridge', 'private', 'host', 67108864, 200, false, 'runc', 'no', null, null],
  );
  assert.equal(config.MaskedPaths?.length, 13);
  assert.equal(config.MaskedPaths?.at(-1), '/sys/devices/system/cpu/cpu0/thermal_throttle');
  assert.deepEqual(config.ReadonlyPaths, ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']);
  const second = normalizeHostConfig(emptyHostConfig, { ...defaults, cgroupVersion: 2 });
  assert.deepEqual([second.CgroupnsMode, second.OomKillDisable], ['private', null]);
});

test('what a request says must be kept', () => {
  const config = normalizeHostConfig({ ...emptyHostConfig, Memory: 100, MemorySwap: -1, MaskedPaths: [], ReadonlyPaths: ['/proc/x'], IpcMode: 'none', CapAdd: ['sys_time'], NetworkMode: 'none', PidsLimit: 5 }, defaults);
  assert.deepEqual([config.MemorySwap, config.MaskedPaths, config.ReadonlyPaths, config.IpcMode, config.CapAdd, config.NetworkMode, config.PidsLimit], [-1, [], ['/proc/x'], 'none', ['sys_time'], 'none', 5]);
  assert.throws(() => normalizeHostConfig({ ...emptyHostConfig, CapAdd: ['bogus'] }, defaults), /^EngineError: invalid CapAdd: unknown capability: "CAP_BOGUS"$/);
});

test('privileged containers and those in namespaces of the host must be left alone by SELinux and unmasked', () => {
  const privileged = normalizeHostConfig({ ...emptyHostConfig, Privileged: true }, { ...defaults, cgroupnsMode: 'private' });
  assert.deepEqual([privileged.SecurityOpt, privileged.MaskedPaths, privileged.ReadonlyPaths, privileged.CgroupnsMode], [['label=disable'], null, null, 'host']);
  assert.deepEqual(normalizeHostConfig({ ...emptyHostConfig, PidMode: 'host', SecurityOpt: ['seccomp=unconfined'] }, defaults).SecurityOpt, ['seccomp=unconfined', 'label=disable']);
  assert.deepEqual(normalizeHostConfig({ ...emptyHostConfig, Privileged: true, SecurityOpt: ['label=type:x'] }, defaults).SecurityOpt, ['label=type:x']);
});

const context = { runtimes: ['crun', 'runc'], ipv4Forwarding: true, cgroupNamespaces: true, systemdCgroups: false, remapped: false };

function verdict(more: Partial<HostConfig>): string | string[] {
  try {
    return verifyHostConfig({ ...emptyHostConfig, ...more }, context);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

test("modes must be refused in Docker's words", () => {
  assert.equal(verdict({ IpcMode: 'bogus' }), 'invalid IPC mode: bogus');
  assert.equal(verdict({ PidMode: 'container:' }), 'invalid PID mode: container:');
  assert.equal(verdict({ UTSMode: 'bogus' }), 'invalid UTS mode: bogus');
  assert.equal(verdict({ ShmSize: -1 }), 'SHM size can not be less than 0');
  assert.equal(verdict({ OomScoreAdj: 5000 }), 'Invalid value 5000, range for oom score adj is [-1000, 1000]');
  assert.equal(verdict({ Runtime: 'nope' }), 'unknown or invalid runtime name: nope');
  assert.equal(verdict({ Tmpfs: { '/': '' } }), "invalid specification: destination can't be '/'");
  assert.equal(verdict({ Tmpfs: { '/./': '' } }), "invalid specification: destination can't be '/'");
  assert.equal(verdict({ Tmpfs: { rel: '' } }), "invalid mount path: 'rel' mount path must be absolute");
  assert.deepEqual(verdict({ NetworkMode: 'host', PortBindings: { '80/tcp': null } }), ['Published ports are discarded when using host network mode']);
  assert.deepEqual(verdict({ Tmpfs: { '/x': '' }, Runtime: 'runc', IpcMode: 'container:x' }), []);
});

test("modes that exclude other settings must be refused in Docker's words", () => {
  const refusal = (more: Partial<HostConfig>, given = { hostnameGiven: false, portsExposed: false }): string => {
    try {
      verifyModes({ ...emptyHostConfig, ...more }, given);
      return '';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };
  const hostname = { hostnameGiven: true, portsExposed: false };
  assert.equal(refusal({ UTSMode: 'host' }, hostname), 'conflicting options: hostname and the UTS mode');
  assert.equal(refusal({ NetworkMode: 'container:x' }, hostname), 'conflicting options: hostname and the network mode');
  assert.equal(refusal({ NetworkMode: 'container:' }), 'invalid network mode: invalid container format container:<name|id>');
  assert.equal(refusal({ NetworkMode: 'container:x', PublishAllPorts: true }), 'conflicting options: port publishing and the container type network mode');
  assert.equal(refusal({ NetworkMode: 'container:x' }, { hostnameGiven: false, portsExposed: true }), 'conflicting options: port exposing and the container type network mode');
  assert.equal(refusal({ Isolation: 'hyperv' }), "invalid isolation (hyperv): linux only supports 'default'");
  assert.equal(refusal({ NetworkMode: 'container:x' }), '');
});
