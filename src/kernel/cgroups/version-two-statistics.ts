/** Facts and counters of cgroups of version 2. */
import { existsSync } from 'node:fs';
import type { BlockStatistic, CgroupFacts, CgroupStatistics } from './contract.ts';
import { readKeyedNumbers, readNumber, readSetting } from './control-file.ts';

export function versionTwoFacts(mountPoint: string): CgroupFacts {
  const controllers = new Set((readSetting(`${mountPoint}/cgroup.controllers`) ?? '').split(' '));
  const own = /^0::(.*)$/m.exec(readSetting('/proc/self/cgroup') ?? '')?.[1] ?? '/';
  const memory = controllers.has('memory');
  const io = controllers.has('io');
  return {
    version: 2,
    memoryLimit: memory,
    swapLimit: memory && existsSync(`${mountPoint}${own}/memory.swap.max`),
    memoryReservation: memory,
    memorySwappiness: false,
    oomKillDisable: false,
    tcpMemoryLimit: false,
    cpuShares: controllers.has('cpu'),
    cpuQuota: controllers.has('cpu'),
    cpuRealtime: false,
    cpuset: controllers.has('cpuset'),
    processors: readSetting(`${mountPoint}/cpuset.cpus.effective`) ?? '',
    memoryNodes: readSetting(`${mountPoint}/cpuset.mems.effective`) ?? '',
    pidsLimit: controllers.has('pids'),
    devices: true,
    blockWeight: io,
    blockWeightDevice: io,
    blockReadBytes: io,
    blockWriteBytes: io,
    blockReadOperations: io,
    blockWriteOperations: io,
    namespaces: existsSync('/proc/self/ns/cgroup'),
  };
}

export function versionTwoStatistics(directory: string): CgroupStatistics {
  const cpu = readKeyedNumbers(`${directory}/cpu.stat`);
  const microseconds = (name: string): number | undefined => (cpu[name] === undefined ? undefined : cpu[name] * 1000);
  return {
    cpu: {
      total: microseconds('usage_usec'),
      user: microseconds('user_usec'),
      system: microseconds('system_usec'),
      perProcessor: undefined,
      periods: cpu['nr_periods'] ?? 0,
      throttledPeriods: cpu['nr_throttled'] ?? 0,
      throttledTime: microseconds('throttled_usec') ?? 0,
    },
    memory: {
      usage: readNumber(`${directory}/memory.current`),
      maxUsage: undefined,
      limit: readNumber(`${directory}/memory.max`),
      failures: readKeyedNumbers(`${directory}/memory.events`)['oom'],
      details: readKeyedNumbers(`${directory}/memory.stat`),
    },
    pids: {
      current: readNumber(`${directory}/pids.current`),
      limit: readSetting(`${directory}/pids.max`) === 'max' ? 0 : readNumber(`${directory}/pids.max`),
    },
    blockIO: blockStatistics(readSetting(`${directory}/io.stat`) ?? ''),
  };
}

const byteKeys: Readonly<Record<string, string>> = { rbytes: 'read', wbytes: 'write', dbytes: 'discard' };
const operationKeys: Readonly<Record<string, string>> = { rios: 'read', wios: 'write', dios: 'discard' };

/** Lines `254:0 rbytes=4096 wbytes=0 rios=1 …`. */
function blockStatistics(text: string): CgroupStatistics['blockIO'] {
  const bytes: BlockStatistic[] = [];
  const operations: BlockStatistic[] = [];
  for (const line of text.split('\n')) {
    const match = /^(\d+):(\d+) (.*)$/.exec(line);
    if (match?.[3] === undefined) continue;
    const device = { major: Number(match[1]), minor: Number(match[2]) };
    for (const pair of match[3].split(' ')) {
      const [key = '', value] = pair.split('=');
      if (byteKeys[key] !== undefined) bytes.push({ ...device, operation: byteKeys[key], value: Number(value) });
      if (operationKeys[key] !== undefined) operations.push({ ...device, operation: operationKeys[key], value: Number(value) });
    }
  }
  return { bytes, operations };
}
