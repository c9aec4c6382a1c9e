/** Writes limits into the files of a cgroup of version 2, translated from the ranges of version 1. */
import type { CgroupResources, CgroupThrottle } from './contract.ts';
import { writeSetting, writeSettingIfPresent } from './control-file.ts';

/** @throws kernel.cgroup_setting_refused */
export function writeUnifiedSettings(directory: string, resources: CgroupResources): void {
  const { memory, cpu, pids, blockIO } = resources;
  if (memory?.swap !== undefined) writeSettingIfPresent(`${directory}/memory.swap.max`, swapOnly(memory.swap, memory.limit));
  if (memory?.limit !== undefined) writeSetting(`${directory}/memory.max`, orMax(memory.limit));
  if (memory?.reservation !== undefined) writeSetting(`${directory}/memory.low`, orMax(memory.reservation));
  if (cpu?.shares !== undefined) writeSetting(`${directory}/cpu.weight`, weightOfShares(cpu.shares));
  if (cpu?.quota !== undefined || cpu?.period !== undefined) {
    const quota = cpu.quota === undefined || cpu.quota <= 0 ? 'max' : String(cpu.quota);
    writeSetting(`${directory}/cpu.max`, cpu.period === undefined ? quota : `${quota} ${cpu.period}`);
  }
  if (cpu?.cpus !== undefined) writeSetting(`${directory}/cpuset.cpus`, cpu.cpus);
  if (cpu?.mems !== undefined) writeSetting(`${directory}/cpuset.mems`, cpu.mems);
  if (pids !== undefined) writeSetting(`${directory}/pids.max`, pids.limit > 0 ? pids.limit : 'max');
  if (blockIO !== undefined) writeBlockIO(directory, blockIO);
}

/** Version 2 limits swap alone, Docker's setting is memory and swap together. */
function swapOnly(together: number, limit: number | undefined): string {
  return together === -1 || limit === undefined || limit === -1 ? 'max' : String(together - limit);
}

function orMax(value: number): string {
  return value === -1 ? 'max' : String(value);
}

/** Shares of 2–262144 to a weight of 1–10000, as runc and crun translate them. */
export function weightOfShares(shares: number): number {
  if (shares === 0) return 100;
  const bounded = Math.min(Math.max(shares, 2), 262_144);
  return 1 + Math.floor(((bounded - 2) * 9999) / 262_142);
}

function writeBlockIO(directory: string, blockIO: NonNullable<CgroupResources['blockIO']>): void {
  if (blockIO.weight !== undefined && blockIO.weight !== 0) {
    writeSettingIfPresent(`${directory}/io.bfq.weight`, blockIO.weight);
    // The range 10–1000 becomes 1–10000.
    writeSettingIfPresent(`${directory}/io.weight`, `default ${1 + Math.floor(((blockIO.weight - 10) * 9999) / 990)}`);
  }
  for (const device of blockIO.weightDevice ?? []) {
    writeSettingIfPresent(`${directory}/io.bfq.weight`, `${device.major}:${device.minor} ${device.weight}`);
  }
  writeThrottles(directory, 'rbps', blockIO.throttleReadBpsDevice);
  writeThrottles(directory, 'wbps', blockIO.throttleWriteBpsDevice);
  writeThrottles(directory, 'riops', blockIO.throttleReadIOPSDevice);
  writeThrottles(directory, 'wiops', blockIO.throttleWriteIOPSDevice);
}

function writeThrottles(directory: string, kind: string, throttles: readonly CgroupThrottle[] | undefined): void {
  for (const throttle of throttles ?? []) {
    writeSetting(`${directory}/io.max`, `${throttle.major}:${throttle.minor} ${kind}=${throttle.rate === 0 ? 'max' : throttle.rate}`);
  }
}
