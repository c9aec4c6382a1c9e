import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { CgroupResources } from './contract.ts';
import { weightOfShares, writeUnifiedSettings } from './version-two-settings.ts';
import { versionTwoStatistics } from './version-two-statistics.ts';

const files = ['memory.max', 'memory.swap.max', 'memory.low', 'cpu.weight', 'cpu.max', 'cpuset.cpus', 'cpuset.mems', 'pids.max', 'io.max', 'io.weight'];

/** What is written where, into files that stand for those of the kernel. */
function written(t: TestContext, resources: CgroupResources): Record<string, string> {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-cgroup-'));
  t.after(() => rmSync(directory, { recursive: true }));
  for (const name of files) writeFileSync(join(directory, name), '');
  writeUnifiedSettings(directory, resources);
  return Object.fromEntries(
    readdirSync(directory)
      .map((name): [string, string] => [name, readFileSync(join(directory, name), 'utf8')])
      .filter(([, value]) => value !== ''),
  );
}

test("Docker's limits must be translated to the files of version 2", (t) => {
  assert.deepEqual(
    written(t, {
      memory: { limit: 100, swap: 150, reservation: 50 },
      cpu: { shares: 1024, quota: 50_000, period: 100_000, cpus: '0', mems: '0' },
      pids: { limit: 7 },
      blockIO: { weight: 500, throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 9 }] },
    }),
    {
      'memory.max': '100',
      'memory.swap.max': '50',
      'memory.low': '50',
      'cpu.weight': '39',
      'cpu.max': '50000 100000',
      'cpuset.cpus': '0',
      'cpuset.mems': '0',
      'pids.max': '7',
      'io.max': '8:0 rbps=9',
      'io.weight': 'default 4950',
    },
  );
});

test('no limit must be written as max', (t) => {
  assert.deepEqual(written(t, { memory: { limit: -1, swap: -1 }, cpu: { quota: -1 }, pids: { limit: -1 } }), {
    'memory.max': 'max',
    'memory.swap.max': 'max',
    'cpu.max': 'max',
    'pids.max': 'max',
  });
});

test('shares must become weights over the whole range', () => {
  assert.deepEqual([2, 1024, 262_144, 1, 10_000_000].map(weightOfShares), [1, 39, 10_000, 1, 10_000]);
});

test('statistics must be read from the files of version 2', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-cgroup-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const contents = {
    'cpu.stat': 'usage_usec 10\nuser_usec 6\nsystem_usec 4\nnr_periods 3\nnr_throttled 1\nthrottled_usec 2\n',
    'memory.current': '500\n',
    'memory.max': 'max\n',
    'memory.stat': 'anon 5\nfile 6\n',
    'memory.events': 'low 0\noom 2\noom_kill 1\n',
    'pids.current': '4\n',
    'pids.max': 'max\n',
    'io.stat': '8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n',
  };
  for (const [name, text] of Object.entries(contents)) writeFileSync(join(directory, name), text);
  const statistics = versionTwoStatistics(directory);
  assert.deepEqual(statistics.cpu, { total: 10_000, user: 6000, system: 4000, perProcessor: undefined, periods: 3, throttledPeriods: 1, throttledTime: 2000 });
  assert.deepEqual(statistics.memory, { usage: 500, maxUsage: undefined, limit: undefined, failures: 2, details: { anon: 5, file: 6 } });
  assert.deepEqual(statistics.pids, { current: 4, limit: 0 });
  assert.deepEqual(statistics.blockIO.operations.slice(0, 2), [
    { major: 8, minor: 0, operation: 'read', value: 3 },
    { major: 8, minor: 0, operation: 'write', value: 4 },
  ]);
});
