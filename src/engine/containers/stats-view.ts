/** The kernel's counters as the stats endpoint gives them. Pure. */
import { zeroTimestamp } from '#base/timestamp.ts';
import type { BlockStatistic, CgroupStatistics } from '#kernel/cgroups/contract.ts';
import type { NetworkCounters } from '#kernel/network-counters.ts';
import type { ProcessorTime } from '#kernel/processor-time.ts';
import type { BlockStatView, ContainerStats, CpuStatsView, MemoryStatsView, NetworkStatsView } from '#schema/container-stats.ts';

export interface StatsSample {
  /** RFC 3339 with nanoseconds. */
  readonly read: string;
  readonly cgroup: CgroupStatistics;
  readonly cgroupVersion: 1 | 2;
  readonly processors: ProcessorTime;
  /** Bytes of the machine's memory: no limit is higher. */
  readonly machineMemory: number;
  /** By the interface's name. */
  readonly networks: ReadonlyMap<string, NetworkCounters>;
}

const common = ['active_anon', 'active_file', 'inactive_anon', 'inactive_file', 'pgfault', 'pgmajfault', 'unevictable'];
const versionOne = ['cache', 'dirty', 'mapped_file', 'pgpgin', 'pgpgout', 'rss', 'rss_huge', 'writeback', ...common];
const memoryDetails: Readonly<Record<1 | 2, ReadonlySet<string>>> = {
  1: new Set(['hierarchical_memory_limit', 'hierarchical_memsw_limit', ...versionOne, ...versionOne.map((name) => `total_${name}`)]),
  2: new Set([
    'anon', 'file', 'kernel_stack', 'slab', 'sock', 'shmem', 'file_mapped', 'file_dirty', 'file_writeback', 'anon_thp', 'slab_reclaimable', 'slab_unreclaimable',
    'workingset_refault', 'workingset_activate', 'workingset_nodereclaim', 'pgrefill', 'pgscan', 'pgsteal', 'pgactivate', 'pgdeactivate', 'pglazyfree', 'pglazyfreed',
    'thp_fault_alloc', 'thp_collapse_alloc', ...common,
  ]),
};

const noProcessorTime: CpuStatsView = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

/** What a container that does not run uses. */
export function viewNoStats(identity: { name: string; id: string }): ContainerStats {
  return {
    ...identity,
    read: zeroTimestamp,
    preread: zeroTimestamp,
    pids_stats: {},
    blkio_stats: blockLists(null, null, null),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: noProcessorTime,
    precpu_stats: noProcessorTime,
    memory_stats: {},
  };
}

/** `before`: the sample that rates are told from, where there was one. */
export function viewStats(identity: { name: string; id: string } | undefined, sample: StatsSample, before: StatsSample | undefined): ContainerStats {
  const { cgroup, cgroupVersion } = sample;
  const networks = [...sample.networks].map(([name, counters]) => [name, viewNetwork(counters)] as const);
  return {
    ...identity,
    read: sample.read,
    preread: before?.read ?? zeroTimestamp,
    pids_stats: {
      ...(cgroup.pids.current !== undefined && cgroup.pids.current !== 0 && { current: cgroup.pids.current }),
      ...(cgroup.pids.limit !== undefined && cgroup.pids.limit !== 0 && { limit: cgroup.pids.limit }),
    },
    blkio_stats: blockLists(viewBlocks(cgroup.blockIO.bytes, cgroupVersion), viewBlocks(cgroup.blockIO.operations, cgroupVersion), cgroupVersion === 1 ? [] : null),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: viewProcessors(sample),
    precpu_stats: before === undefined ? noProcessorTime : viewProcessors(before),
    memory_stats: viewMemory(sample),
    ...(networks.length > 0 && { networks: Object.fromEntries(networks) }),
  };
}

function viewProcessors({ cgroup: { cpu }, processors }: StatsSample): CpuStatsView {
  return {
    cpu_usage: {
      total_usage: cpu.total ?? 0,
      ...(cpu.perProcessor !== undefined && { percpu_usage: [...cpu.perProcessor] }),
      usage_in_kernelmode: cpu.system ?? 0,
      usage_in_usermode: cpu.user ?? 0,
    },
    system_cpu_usage: processors.total,
    online_cpus: processors.processors,
    throttling_data: { periods: cpu.periods, throttled_periods: cpu.throttledPeriods, throttled_time: cpu.throttledTime },
  };
}

function viewMemory({ cgroup: { memory }, cgroupVersion, machineMemory }: StatsSample): MemoryStatsView {
  const shown = memoryDetails[cgroupVersion];
  const details = Object.entries(memory.details).filter(([name]) => shown.has(name));
  return {
    ...(memory.usage !== undefined && { usage: memory.usage }),
    ...(memory.maxUsage !== undefined && { max_usage: memory.maxUsage }),
    stats: Object.fromEntries(details.toSorted(([a], [b]) => (a < b ? -1 : 1))),
    ...(memory.failures !== undefined && memory.failures !== 0 && { failcnt: memory.failures }),
    limit: Math.min(memory.limit ?? machineMemory, machineMemory),
  };
}

function viewBlocks(statistics: readonly BlockStatistic[], version: 1 | 2): BlockStatView[] | null {
  if (version === 2 && statistics.length === 0) return null;
  return statistics.map(({ major, minor, operation, value }) => ({
    major,
    minor,
    // As the kernel's files of either version spell it.
    op: version === 1 ? `${operation.slice(0, 1).toUpperCase()}${operation.slice(1)}` : operation,
    value,
  }));
}

function blockLists(bytes: BlockStatView[] | null, operations: BlockStatView[] | null, others: [] | null): ContainerStats['blkio_stats'] {
  return {
    io_service_bytes_recursive: bytes,
    io_serviced_recursive: operations,
    io_queue_recursive: others,
    io_service_time_recursive: others,
    io_wait_time_recursive: others,
    io_merged_recursive: others,
    io_time_recursive: others,
    sectors_recursive: others,
  };
}

function viewNetwork(counters: NetworkCounters): NetworkStatsView {
  return {
    rx_bytes: counters.receivedBytes,
    rx_packets: counters.receivedPackets,
    rx_errors: counters.receiveErrors,
    rx_dropped: counters.receiveDrops,
    tx_bytes: counters.sentBytes,
    tx_packets: counters.sentPackets,
    tx_errors: counters.sendErrors,
    tx_dropped: counters.sendDrops,
  };
}
