/** The rows of `stats`. */
import { formatFloat } from '#base/template/float-text.ts';
import { binarySize, humanSize } from '#base/human-size.ts';
import { shortIdentifier } from '#base/identifier.ts';
import type { ContainerStats } from '#schema/container-stats.ts';
import { contextType } from './context-type.ts';
import type { ListFormat } from './render-list.ts';

/** What a container used when it was last looked at. */
export interface ContainerUsage {
  readonly name: string;
  readonly id: string;
  readonly cpuPercent: number;
  /** Bytes. */
  readonly memory: number;
  readonly memoryLimit: number;
  readonly memoryPercent: number;
  readonly received: number;
  readonly sent: number;
  readonly blockRead: number;
  readonly blockWritten: number;
  readonly processes: number;
}

export interface StatsRow {
  /** As the user named it. */
  readonly container: string;
  /** Undefined: the daemon does not tell. */
  readonly usage: ContainerUsage | undefined;
  readonly truncate: boolean;
}

export function usageOf(stats: ContainerStats): ContainerUsage {
  const memory = memoryOf(stats);
  const memoryLimit = stats.memory_stats.limit ?? 0;
  const networks = Object.values(stats.networks ?? {});
  const blocks = (letter: string): number =>
    sum((stats.blkio_stats.io_service_bytes_recursive ?? []).filter(({ op }) => op.slice(0, 1).toLowerCase() === letter).map(({ value }) => value));
  return {
    name: stats.name ?? '',
    id: stats.id ?? '',
    cpuPercent: cpuPercentOf(stats),
    memory,
    memoryLimit,
    memoryPercent: memoryLimit === 0 ? 0 : (memory / memoryLimit) * 100,
    received: sum(networks.map(({ rx_bytes: bytes }) => bytes)),
    sent: sum(networks.map(({ tx_bytes: bytes }) => bytes)),
    blockRead: blocks('r'),
    blockWritten: blocks('w'),
    processes: stats.pids_stats.current ?? 0,
  };
}

/** Of one processor: two that are busy make 200. */
function cpuPercentOf({ cpu_stats: now, precpu_stats: before }: ContainerStats): number {
  const used = now.cpu_usage.total_usage - before.cpu_usage.total_usage;
  const passed = (now.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0);
  const processors = now.online_cpus ?? now.cpu_usage.percpu_usage?.length ?? 0;
  return passed > 0 && used > 0 ? (used / passed) * processors * 100 : 0;
}

/** Without what the kernel would give back first: pages of files that nobody looks at. */
function memoryOf({ memory_stats: { usage = 0, stats = {} } }: ContainerStats): number {
  for (const idle of [stats['total_inactive_file'], stats['inactive_file']]) if (idle !== undefined && idle < usage) return usage - idle;
  return usage;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Halves are rounded to even, as Go does. */
const percent = (value: number): string => `${formatFloat(value, 'f', 2)}%`;
const size = (bytes: number): string => humanSize(bytes, 3);

const headers = {
  Container: 'CONTAINER', Name: 'NAME', ID: 'CONTAINER ID', CPUPerc: 'CPU %', MemUsage: 'MEM USAGE / LIMIT', MemPerc: 'MEM %',
  NetIO: 'NET I/O', BlockIO: 'BLOCK I/O', PIDs: 'PIDS',
};

/** What `--format` or the configuration chose. */
export function statsFormat(source: string): ListFormat {
  const columns = ['ID', 'Name', 'CPUPerc', 'MemUsage', 'MemPerc', 'NetIO', 'BlockIO', 'PIDs'].map((column) => `{{.${column}}}`);
  return { format: source === 'table' ? `table ${columns.join('\\t')}` : source, headers };
}

export const statsContext = contextType<StatsRow>('container.statsContext', {
  Container: ({ container }) => container,
  Name: ({ usage }) => (usage === undefined || usage.name.length <= 1 ? '--' : usage.name.slice(1)),
  ID: ({ usage, truncate }) => (truncate ? shortIdentifier(usage?.id ?? '') : (usage?.id ?? '')),
  CPUPerc: ({ usage }) => (usage === undefined ? '--' : percent(usage.cpuPercent)),
  MemUsage: ({ usage }) => (usage === undefined ? '-- / --' : `${binarySize(usage.memory)} / ${binarySize(usage.memoryLimit)}`),
  MemPerc: ({ usage }) => (usage === undefined ? '--' : percent(usage.memoryPercent)),
  NetIO: ({ usage }) => (usage === undefined ? '--' : `${size(usage.received)} / ${size(usage.sent)}`),
  BlockIO: ({ usage }) => (usage === undefined ? '--' : `${size(usage.blockRead)} / ${size(usage.blockWritten)}`),
  PIDs: ({ usage }) => (usage === undefined ? '--' : String(usage.processes)),
});
