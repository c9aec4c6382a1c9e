/** Limits of a container as the specification and the cgroup manager know them. */
import { fail } from '#base/errors/failure.ts';
import type { HostConfig, ThrottleDevice, WeightDevice } from '#schema/container-config.ts';
import type { CgroupDeviceRule, CgroupResources, CgroupThrottle } from '#kernel/cgroups/contract.ts';
import type { DeviceProblem } from '#kernel/devices.ts';

/** Looks the numbers of a block device up. */
export type DeviceNumberSource = (path: string) => { major: number; minor: number } | DeviceProblem;

export type ResourceSettings = Pick<
  HostConfig,
  | 'Memory'
  | 'MemoryReservation'
  | 'MemorySwap'
  | 'MemorySwappiness'
  | 'OomKillDisable'
  | 'CpuShares'
  | 'CpusetCpus'
  | 'CpusetMems'
  | 'NanoCpus'
  | 'CpuPeriod'
  | 'CpuQuota'
  | 'CpuRealtimePeriod'
  | 'CpuRealtimeRuntime'
  | 'PidsLimit'
  | 'BlkioWeight'
  | 'BlkioWeightDevice'
  | 'BlkioDeviceReadBps'
  | 'BlkioDeviceWriteBps'
  | 'BlkioDeviceReadIOps'
  | 'BlkioDeviceWriteIOps'
>;

/** @throws runtime.throttled_device_unavailable */
export function cgroupResources(settings: ResourceSettings, rules: readonly CgroupDeviceRule[] | undefined, numbersOf: DeviceNumberSource): CgroupResources {
  const memory = memoryResources(settings);
  const cpu = cpuResources(settings);
  return {
    ...(rules === undefined ? {} : { devices: rules }),
    ...(memory === undefined ? {} : { memory }),
    ...(cpu === undefined ? {} : { cpu }),
    ...(settings.PidsLimit === null ? {} : { pids: { limit: settings.PidsLimit > 0 ? settings.PidsLimit : -1 } }),
    blockIO: blockResources(settings, numbersOf),
  };
}

function memoryResources(settings: ResourceSettings): CgroupResources['memory'] {
  return unlessEmpty({
    ...(settings.Memory > 0 ? { limit: settings.Memory } : {}),
    ...(settings.MemoryReservation > 0 ? { reservation: settings.MemoryReservation } : {}),
    ...(settings.MemorySwap > 0 ? { swap: settings.MemorySwap } : {}),
    ...(settings.MemorySwappiness === null || settings.MemorySwappiness === -1 ? {} : { swappiness: settings.MemorySwappiness }),
    ...(settings.OomKillDisable === null ? {} : { disableOOMKiller: settings.OomKillDisable }),
  });
}

const nanoCpuPeriod = 100_000;

function cpuResources(settings: ResourceSettings): CgroupResources['cpu'] {
  return unlessEmpty({
    ...(settings.CpuShares === 0 ? {} : { shares: settings.CpuShares }),
    ...(settings.NanoCpus > 0 ? { quota: Math.floor((settings.NanoCpus * nanoCpuPeriod) / 1e9), period: nanoCpuPeriod } : {}),
    ...(settings.CpuQuota === 0 ? {} : { quota: settings.CpuQuota }),
    ...(settings.CpuPeriod === 0 ? {} : { period: settings.CpuPeriod }),
    ...(settings.CpuRealtimeRuntime === 0 ? {} : { realtimeRuntime: settings.CpuRealtimeRuntime }),
    ...(settings.CpuRealtimePeriod === 0 ? {} : { realtimePeriod: settings.CpuRealtimePeriod }),
    ...(settings.CpusetCpus === '' ? {} : { cpus: settings.CpusetCpus }),
    ...(settings.CpusetMems === '' ? {} : { mems: settings.CpusetMems }),
  });
}

function blockResources(settings: ResourceSettings, numbersOf: DeviceNumberSource): NonNullable<CgroupResources['blockIO']> {
  const throttles = (devices: readonly ThrottleDevice[] | null): readonly CgroupThrottle[] | undefined =>
    nonEmpty(devices)?.map((device) => ({ ...numbersAt(device.Path, numbersOf), rate: device.Rate }));
  const weights = nonEmpty<WeightDevice>(settings.BlkioWeightDevice)?.map((device) => ({ ...numbersAt(device.Path, numbersOf), weight: device.Weight }));
  const readBytes = throttles(settings.BlkioDeviceReadBps);
  const writeBytes = throttles(settings.BlkioDeviceWriteBps);
  const readOperations = throttles(settings.BlkioDeviceReadIOps);
  const writeOperations = throttles(settings.BlkioDeviceWriteIOps);
  return {
    ...(settings.BlkioWeight === 0 ? {} : { weight: settings.BlkioWeight }),
    ...(weights === undefined ? {} : { weightDevice: weights }),
    ...(readBytes === undefined ? {} : { throttleReadBpsDevice: readBytes }),
    ...(writeBytes === undefined ? {} : { throttleWriteBpsDevice: writeBytes }),
    ...(readOperations === undefined ? {} : { throttleReadIOPSDevice: readOperations }),
    ...(writeOperations === undefined ? {} : { throttleWriteIOPSDevice: writeOperations }),
  };
}

function numbersAt(path: string, numbersOf: DeviceNumberSource): { major: number; minor: number } {
  const found = numbersOf(path);
  if ('reason' in found) throw fail('runtime.throttled_device_unavailable', { path, reason: found.reason });
  return found;
}

function nonEmpty<T>(list: readonly T[] | null): readonly T[] | undefined {
  return list === null || list.length === 0 ? undefined : list;
}

function unlessEmpty<T extends object>(value: T): T | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}
