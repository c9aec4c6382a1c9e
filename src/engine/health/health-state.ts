/** A container's health as pure transitions, by Docker's rules. Nanoseconds as in `Healthcheck`. */
import type { HealthConfig, HealthResult, HealthStatus } from '#schema/container-config.ts';

export interface Health {
  readonly status: HealthStatus;
  readonly failingStreak: number;
  /** The last five probes, oldest first. */
  readonly log: readonly HealthResult[];
}

const keptResults = 5;

/** The longest wait that timers know, in milliseconds: longer ones would fire at once. */
const longestWait = 2 ** 31 - 1;

const defaults = { interval: 30_000_000_000, timeout: 30_000_000_000, startInterval: 5_000_000_000, retries: 3 };

/** The command of a probe; undefined when there is no health check. `CMD-SHELL` runs in the container's shell. */
export function probeCommand(check: HealthConfig | undefined, shell: readonly string[] | undefined): string[] | undefined {
  const [kind, ...command] = check?.Test ?? [];
  if (kind === 'CMD') return command;
  if (kind === 'CMD-SHELL') return [...(shell !== undefined && shell.length > 0 ? shell : ['/bin/sh', '-c']), ...command];
  return undefined;
}

/** Milliseconds a probe may take. */
export function probeTimeout(check: HealthConfig): number {
  return Math.min((check.Timeout || defaults.timeout) / 1e6, longestWait);
}

/** At a start: the earlier probes stay in the log. */
export function startingHealth(before: Health | undefined): Health {
  return { status: 'starting', failingStreak: 0, log: before?.log ?? [] };
}

/** Nobody looks any more: for clients the container is not healthy then. */
export function unwatchedHealth(before: Health): Health {
  return { ...before, status: 'unhealthy' };
}

/** Milliseconds until the next probe. `age`: of the process, in nanoseconds. */
export function probeWait(health: Health, check: HealthConfig, age: bigint): number {
  const starting = health.status === 'starting' && Number(age) < (check.StartPeriod ?? 0);
  return Math.min((starting ? check.StartInterval || defaults.startInterval : check.Interval || defaults.interval) / 1e6, longestWait);
}

/** `age`: of the process when the probe began, in nanoseconds. */
export function afterProbe(before: Health, check: HealthConfig, age: bigint, result: HealthResult): Health {
  const log = [...before.log, result].slice(-keptResults);
  if (result.ExitCode === 0) return { status: 'healthy', failingStreak: 0, log };
  const forgiven = before.status === 'starting' && Number(age) < (check.StartPeriod ?? 0);
  if (forgiven) return { ...before, log };
  const failingStreak = before.failingStreak + 1;
  return { status: failingStreak >= (check.Retries || defaults.retries) ? 'unhealthy' : before.status, failingStreak, log };
}
