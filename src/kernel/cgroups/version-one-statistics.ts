/** Reads the counters of a container's cgroups of version 1. */
import type { BlockStatistic, CgroupStatistics } from './contract.ts';
import { readKeyedNumbers, readNumber, readSetting } from './control-file.ts';
import type { DirectoryOf } from './version-one-settings.ts';

/** USER_HZ is 100 on every architecture that runs containers. */
const nanosecondsPerTick = 1e7;

export function versionOneStatistics(directoryOf: DirectoryOf): CgroupStatistics {
  const file = (controller: string, name: string): string => `${directoryOf(controller) ?? '/nonexistent'}/${name}`;
  const times = readKeyedNumbers(file('cpuacct', 'cpuacct.stat'));
  const throttling = readKeyedNumbers(file('cpu', 'cpu.stat'));
  const perProcessor = readSetting(file('cpuacct', 'cpuacct.usage_percpu'));
  const pidsLimit = readSetting(file('pids', 'pids.max'));
  return {
    cpu: {
      total: readNumber(file('cpuacct', 'cpuacct.usage')),
      user: ticks(times['user']),
      system: ticks(times['system']),
      perProcessor: perProcessor?.trim().split(/\s+/).map(Number),
      periods: throttling['nr_periods'] ?? 0,
      throttledPeriods: throttling['nr_throttled'] ?? 0,
      throttledTime: throttling['throttled_time'] ?? 0,
    },
    memory: {
      usage: readNumber(file('memory', 'memory.usage_in_bytes')),
      maxUsage: readNumber(file('memory', 'memory.max_usage_in_bytes')),
      limit: readNumber(file('memory', 'memory.limit_in_bytes')),
      failures: readNumber(file('memory', 'memory.failcnt')),
      details: readKeyedNumbers(file('memory', 'memory.stat')),
    },
    pids: {
      current: readNumber(file('pids', 'pids.current')),
      limit: pidsLimit === 'max' ? 0 : pidsLimit === undefined ? undefined : Number(pidsLimit),
    },
    blockIO: {
      bytes: blockStatistics(file('blkio', 'blkio.throttle.io_service_bytes_recursive')),
      operations: blockStatistics(file('blkio', 'blkio.throttle.io_serviced_recursive')),
    },
  };
}

function ticks(count: number | undefined): number | undefined {
  return count === undefined ? undefined : count * nanosecondsPerTick;
}

/** Lines `254:0 Read 4096`, and a last one with the total, which is left out. */
function blockStatistics(file: string): BlockStatistic[] {
  const statistics: BlockStatistic[] = [];
  for (const line of (readSetting(file) ?? '').split('\n')) {
    const match = /^(\d+):(\d+) (\w+) (\d+)$/.exec(line);
    if (match?.[3] === undefined) continue;
    statistics.push({ major: Number(match[1]), minor: Number(match[2]), operation: match[3].toLowerCase(), value: Number(match[4]) });
  }
  return statistics;
}
