import assert from 'node:assert/strict';
import test from 'node:test';
import { formatTimestamp } from '#base/timestamp.ts';
import { afterProbe, probeCommand, probeTimeout, probeWait, startingHealth, unwatchedHealth } from './health-state.ts';

const seconds = (count: number): bigint => BigInt(count) * 1_000_000_000n;
const at = (moment: number): string => formatTimestamp(seconds(moment));
const result = (ExitCode: number): { Start: string; End: string; ExitCode: number; Output: string } => ({ Start: at(100), End: at(100), ExitCode, Output: '' });

test('a container must be unhealthy after as many failures as retries, and healthy after one success', () => {
  let health = startingHealth(undefined);
  health = afterProbe(health, {}, seconds(100), result(1));
  health = afterProbe(health, {}, seconds(100), result(1));
  assert.deepEqual([health.status, health.failingStreak], ['starting', 2]);
  health = afterProbe(health, {}, seconds(100), result(1));
  assert.deepEqual([health.status, health.failingStreak], ['unhealthy', 3]);
  health = afterProbe(health, {}, seconds(100), result(0));
  assert.deepEqual([health.status, health.failingStreak], ['healthy', 0]);
});

test('failures within the start period must not count while the container is starting', () => {
  const check = { Retries: 1, StartPeriod: 60e9 };
  const forgiven = afterProbe(startingHealth(undefined), check, seconds(30), result(1));
  assert.deepEqual([forgiven.status, forgiven.failingStreak, forgiven.log.length], ['starting', 0, 1]);
  assert.equal(afterProbe(forgiven, check, seconds(61), result(1)).status, 'unhealthy');
  const healthy = afterProbe(forgiven, check, seconds(31), result(0));
  assert.equal(afterProbe(healthy, check, seconds(32), result(1)).status, 'unhealthy');
});

test('the log must keep the last five probes over a restart', () => {
  let health = startingHealth(undefined);
  for (let code = 1; code <= 7; code += 1) health = afterProbe(health, {}, seconds(100), result(code));
  assert.deepEqual(health.log.map(({ ExitCode }) => ExitCode), [3, 4, 5, 6, 7]);
  assert.equal(unwatchedHealth(startingHealth(health)).status, 'unhealthy');
  assert.deepEqual(startingHealth(health), { status: 'starting', failingStreak: 0, log: health.log });
});

test('waits must be Docker’s defaults, the start interval within the start period, and never more than timers can', () => {
  const starting = startingHealth(undefined);
  assert.equal(probeWait(starting, {}, seconds(1)), 30_000);
  assert.equal(probeWait(starting, { StartPeriod: 10e9 }, seconds(1)), 5_000);
  assert.equal(probeWait(starting, { StartPeriod: 10e9, StartInterval: 2e9, Interval: 3e9 }, seconds(11)), 3_000);
  assert.equal(probeWait(starting, { Interval: 1e18 }, 0n), 2 ** 31 - 1);
  assert.equal(probeTimeout({}), 30_000);
});

test('CMD must run as it is, CMD-SHELL in the container’s shell, and NONE not at all', () => {
  assert.deepEqual(probeCommand({ Test: ['CMD', 'a', 'b'] }, undefined), ['a', 'b']);
  assert.deepEqual(probeCommand({ Test: ['CMD-SHELL', 'a'] }, []), ['/bin/sh', '-c', 'a']);
  assert.deepEqual(probeCommand({ Test: ['CMD-SHELL', 'a'] }, ['/bin/ash', '-ec']), ['/bin/ash', '-ec', 'a']);
  assert.equal(probeCommand({ Test: ['NONE'] }, undefined), undefined);
  assert.equal(probeCommand(undefined, undefined), undefined);
});
