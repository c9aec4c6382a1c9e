/**
 * What follows the end of a container's process: a pure decision by restart policy, Docker's rules
 * (moby's restartmanager): 100 ms doubled at every quick death up to a minute, back to 100 ms after a
 * run of ten seconds.
 */
import type { RestartPolicy } from '#schema/container-config.ts';

export interface RestartHistory {
  readonly restartCount: number;
  /** Milliseconds waited before the last restart; 0 at first. */
  readonly lastDelay: number;
}

export type RestartDecision = { readonly kind: 'stay' } | { readonly kind: 'restart'; readonly delay: number };

/** Milliseconds. */
export const firstRestartDelay = 100;
const longestDelay = 60_000;
const longRun = 10_000;

export function decideRestart(
  policy: RestartPolicy,
  exit: { readonly exitCode: number; readonly ranFor: number; readonly manuallyStopped: boolean },
  history: RestartHistory,
): RestartDecision {
  if (exit.manuallyStopped) return { kind: 'stay' };
  const wanted =
    policy.Name === 'always' ||
    policy.Name === 'unless-stopped' ||
    (policy.Name === 'on-failure' && exit.exitCode !== 0 && (policy.MaximumRetryCount === 0 || history.restartCount < policy.MaximumRetryCount));
  if (!wanted) return { kind: 'stay' };
  const delay = history.lastDelay === 0 || exit.ranFor >= longRun ? firstRestartDelay : Math.min(history.lastDelay * 2, longestDelay);
  return { kind: 'restart', delay };
}
