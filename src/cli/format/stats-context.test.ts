import assert from 'node:assert/strict';
import test from 'node:test';
import type { ContainerStats } from '#schema/container-stats.ts';
import { renderList } from './render-list.ts';
import { statsContext, statsFormat, usageOf } from './stats-context.ts';

const cpu = (used: number, passed: number): ContainerStats['cpu_stats'] => ({
  cpu_usage: { total_usage: used, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  system_cpu_usage: passed,
  online_cpus: 2,
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
});
const network = { rx_bytes: 736, rx_packets: 1, rx_errors: 0, rx_dropped: 0, tx_bytes: 126, tx_packets: 1, tx_errors: 0, tx_dropped: 0 };
const blocks = [{ major: 8, minor: 0, op: 'Read', value: 705_000 }, { major: 8, minor: 0, op: 'write', value: 1000 }, { major: 8, minor: 0, op: 'Total', value: 9 }];
const stats = {
  name: '/box',
  id: 'f'.repeat(64),
  pids_stats: { current: 3 },
  blkio_stats: { io_service_bytes_recursive: blocks },
  cpu_stats: cpu(3000, 20_000),
  precpu_stats: cpu(1000, 10_000),
  memory_stats: { usage: 3 * 2 ** 20, limit: 64 * 2 ** 20, stats: { total_inactive_file: 2 ** 20 } },
  networks: { eth0: network, eth1: network },
} as unknown as ContainerStats;

test('usage must count processors together, memory without idle pages, and all interfaces', () => {
  const usage = usageOf(stats);
  assert.deepEqual([usage.cpuPercent, usage.memory, usage.memoryPercent], [40, 2 * 2 ** 20, 3.125]);
  assert.deepEqual([usage.received, usage.sent, usage.blockRead, usage.blockWritten, usage.processes], [1472, 252, 705_000, 1000, 3]);
});

test('the table must show what is known and dashes for what is not', () => {
  const rows = [{ container: 'box', usage: usageOf(stats), truncate: true }, { container: 'gone', usage: undefined, truncate: true }].map(statsContext.value);
  const lines = renderList(statsFormat('table'), rows).split('\n').map((line) => line.split(/ {2,}/).map((cell) => cell.trim()));
  assert.deepEqual(lines[0], ['CONTAINER ID', 'NAME', 'CPU %', 'MEM USAGE / LIMIT', 'MEM %', 'NET I/O', 'BLOCK I/O', 'PIDS']);
  assert.deepEqual(lines[1], ['ffffffffffff', 'box', '40.00%', '2MiB / 64MiB', '3.12%', '1.47kB / 252B', '705kB / 1kB', '3']);
  assert.equal(renderList(statsFormat('{{.Container}} {{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.PIDs}}'), rows.slice(1)), 'gone -- -- -- / -- --\n');
});
