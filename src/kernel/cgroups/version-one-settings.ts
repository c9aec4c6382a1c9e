/** Writes the limits of a container into the files of its cgroups of version 1. */
import { fail } from '#base/errors/failure.ts';
import { failedWith } from '../failed-with.ts';
import type { CgroupDeviceRule, CgroupResources, CgroupThrottle } from './contract.ts';
import { readNumber, readSetting, writeSetting, writeSettingIfPresent } from './control-file.ts';

/** The directory of the cgroup in the hierarchy of a controller; undefined where that is not mounted. */
export type DirectoryOf = (controller: string) => string | undefined;

/** What every container may use besides its rules: making nodes, terminals, tun, and the harmless devices. */
const runtimeDevices = ['c *:* m', 'b *:* m', 'c 1:3 rwm', 'c 1:8 rwm', 'c 1:7 rwm', 'c 5:0 rwm', 'c 1:5 rwm', 'c 1:9 rwm', 'c 136:* rwm', 'c 5:2 rwm', 'c 10:200 rwm'];

/** @throws kernel.cgroup_setting_refused */
export function writeSettings(directoryOf: DirectoryOf, resources: CgroupResources): void {
  const memory = directoryOf('memory');
  if (memory !== undefined && resources.memory !== undefined) writeMemory(memory, resources.memory);
  const cpu = directoryOf('cpu');
  if (cpu !== undefined && resources.cpu !== undefined) writeCpu(cpu, resources.cpu);
  const cpuset = directoryOf('cpuset');
  if (cpuset !== undefined && resources.cpu?.cpus !== undefined) writeSetting(`${cpuset}/cpuset.cpus`, resources.cpu.cpus);
  if (cpuset !== undefined && resources.cpu?.mems !== undefined) writeSetting(`${cpuset}/cpuset.mems`, resources.cpu.mems);
  const pids = directoryOf('pids');
  if (pids !== undefined && resources.pids !== undefined) writeSetting(`${pids}/pids.max`, resources.pids.limit > 0 ? resources.pids.limit : 'max');
  const blkio = directoryOf('blkio');
  if (blkio !== undefined && resources.blockIO !== undefined) writeBlockIO(blkio, resources.blockIO);
  const devices = directoryOf('devices');
  if (devices !== undefined && resources.devices !== undefined) writeDevices(devices, resources.devices);
}

function writeMemory(directory: string, memory: NonNullable<CgroupResources['memory']>): void {
  const limit = (): void => {
    if (memory.limit !== undefined) writeSetting(`${directory}/memory.limit_in_bytes`, memory.limit);
  };
  // No limit on memory means none on memory and swap together, which could not be the smaller one.
  const swap = memory.swap ?? (memory.limit === -1 ? -1 : undefined);
  const together = (): void => {
    if (swap !== undefined) writeSettingIfPresent(`${directory}/memory.memsw.limit_in_bytes`, swap);
  };
  // The kernel keeps the limit below that of memory and swap at every moment.
  const current = swap === undefined ? undefined : readNumber(`${directory}/memory.memsw.limit_in_bytes`);
  if (swap !== undefined && memory.limit !== undefined && current !== undefined && (swap === -1 || current < swap)) {
    together();
    limit();
  } else {
    limit();
    together();
  }
  if (memory.reservation !== undefined) writeSetting(`${directory}/memory.soft_limit_in_bytes`, memory.reservation);
  if (memory.swappiness !== undefined) writeSetting(`${directory}/memory.swappiness`, memory.swappiness);
  if (memory.disableOOMKiller !== undefined && (memory.disableOOMKiller || oomKillerIsDisabled(directory))) {
    writeSetting(`${directory}/memory.oom_control`, memory.disableOOMKiller ? 1 : 0);
  }
}

function oomKillerIsDisabled(directory: string): boolean {
  return (readSetting(`${directory}/memory.oom_control`) ?? '').startsWith('oom_kill_disable 1');
}

function writeCpu(directory: string, cpu: NonNullable<CgroupResources['cpu']>): void {
  if (cpu.shares !== undefined) writeShares(`${directory}/cpu.shares`, cpu.shares);
  if (cpu.realtimePeriod !== undefined) writeSetting(`${directory}/cpu.rt_period_us`, cpu.realtimePeriod);
  if (cpu.realtimeRuntime !== undefined) writeSetting(`${directory}/cpu.rt_runtime_us`, cpu.realtimeRuntime);
  const quota = (): void => {
    if (cpu.quota !== undefined) writeSetting(`${directory}/cpu.cfs_quota_us`, cpu.quota);
  };
  if (cpu.period === undefined) return quota();
  try {
    writeSetting(`${directory}/cpu.cfs_period_us`, cpu.period);
    quota();
  } catch (error) {
    // Quota and period must fit the parent's at every moment: the other order may do.
    if (cpu.quota === undefined || !(error instanceof Error) || !failedWith(error.cause, 'EINVAL')) throw error;
    quota();
    writeSetting(`${directory}/cpu.cfs_period_us`, cpu.period);
  }
}

/** The kernel silently moves shares into its range; a container that asks for more or less is refused, as runc does. */
function writeShares(file: string, shares: number): void {
  writeSetting(file, shares);
  const actual = readNumber(file);
  if (actual === undefined || actual === shares) return;
  const bound = actual < shares ? 'maximum' : 'minimum';
  throw fail('kernel.cgroup_setting_refused', { file, value: shares, reason: `the ${bound} allowed cpu-shares is ${actual}` });
}

function writeBlockIO(directory: string, blockIO: NonNullable<CgroupResources['blockIO']>): void {
  const prefix = readSetting(`${directory}/blkio.weight`) === undefined ? 'blkio.bfq' : 'blkio';
  if (blockIO.weight !== undefined && blockIO.weight !== 0) writeSettingIfPresent(`${directory}/${prefix}.weight`, blockIO.weight);
  for (const device of blockIO.weightDevice ?? []) {
    writeSettingIfPresent(`${directory}/${prefix}.weight_device`, `${device.major}:${device.minor} ${device.weight}`);
  }
  writeThrottles(`${directory}/blkio.throttle.read_bps_device`, blockIO.throttleReadBpsDevice);
  writeThrottles(`${directory}/blkio.throttle.write_bps_device`, blockIO.throttleWriteBpsDevice);
  writeThrottles(`${directory}/blkio.throttle.read_iops_device`, blockIO.throttleReadIOPSDevice);
  writeThrottles(`${directory}/blkio.throttle.write_iops_device`, blockIO.throttleWriteIOPSDevice);
}

function writeThrottles(file: string, throttles: readonly CgroupThrottle[] | undefined): void {
  for (const throttle of throttles ?? []) writeSetting(file, `${throttle.major}:${throttle.minor} ${throttle.rate}`);
}

/** Rules are written in their order, so that a later one changes what an earlier one said. */
function writeDevices(directory: string, rules: readonly CgroupDeviceRule[]): void {
  for (const rule of rules) writeSetting(`${directory}/devices.${rule.allow ? 'allow' : 'deny'}`, ruleText(rule));
  if (rules.at(-1)?.allow === true && isEverything(rules.at(-1))) return;
  for (const rule of runtimeDevices) writeSetting(`${directory}/devices.allow`, rule);
}

function isEverything(rule: CgroupDeviceRule | undefined): boolean {
  return rule?.type === undefined || rule.type === 'a';
}

function ruleText(rule: CgroupDeviceRule): string {
  if (isEverything(rule)) return 'a *:* rwm';
  const number = (value: number | undefined): string => (value === undefined || value === -1 ? '*' : String(value));
  return `${rule.type} ${number(rule.major)}:${number(rule.minor)} ${rule.access}`;
}
