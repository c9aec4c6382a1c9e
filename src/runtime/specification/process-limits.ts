/** Resource limits and the out-of-memory score of a process; what this engine may not grant is refused as the runtime would. */
import { fail } from '#base/errors/failure.ts';
import type { Ulimit } from '#schema/container-config.ts';
import type { ResourceLimit } from '#kernel/process-limits.ts';
import type { SpecificationLimit, WideNumber } from './types.ts';

/** RLIM_INFINITY of a 64-bit system, which no JavaScript number holds. */
const unlimited: object = (JSON as unknown as { rawJSON(text: string): object }).rawJSON('18446744073709551615');

export interface LimitSource {
  /** Limits of the engine's own process, by name. */
  readonly resourceLimits: Readonly<Record<string, ResourceLimit>>;
  readonly outOfMemoryScore: number;
  /** Whether limits can be raised and the score lowered (CAP_SYS_RESOURCE). */
  readonly mayRaiseLimits: boolean;
}

/** In the order of their numbers, getrlimit(2). */
const limitNames = ['cpu', 'fsize', 'data', 'stack', 'core', 'rss', 'nproc', 'nofile', 'memlock', 'as', 'locks', 'sigpending', 'msgqueue', 'nice', 'rtprio', 'rttime'];

/** The `rlimits` of the specification. @throws runtime.start_failed when the engine lacks CAP_SYS_RESOURCE to raise one */
export function processLimits(ulimits: readonly Ulimit[], source: LimitSource): SpecificationLimit[] {
  return ulimits.map(({ Name, Soft, Hard }) => {
    const ceiling = source.mayRaiseLimits ? Number.POSITIVE_INFINITY : (source.resourceLimits[Name]?.hard ?? Number.POSITIVE_INFINITY);
    if (amount(Hard) > ceiling) {
      throw fail('runtime.start_failed', {
        message: `error during container init: error setting rlimits for ready process: error setting rlimit type ${limitNames.indexOf(Name)}: operation not permitted`,
      });
    }
    return { type: `RLIMIT_${Name.toUpperCase()}`, soft: written(Math.min(amount(Soft), amount(Hard))), hard: written(amount(Hard)) };
  });
}

/** Limits read back from JSON, where unlimited has become a number that is too large by a little. */
export function exactLimits(limits: readonly SpecificationLimit[]): SpecificationLimit[] {
  const exact = (value: WideNumber): WideNumber => (typeof value === 'number' && !Number.isSafeInteger(value) ? unlimited : value);
  return limits.map((limit) => ({ type: limit.type, soft: exact(limit.soft), hard: exact(limit.hard) }));
}

/** The `oomScoreAdj` of the specification. Nothing asked for: no lower than the engine's own. @throws runtime.start_failed when the engine may not lower it */
export function outOfMemoryScore(requested: number, source: LimitSource): number {
  if (source.mayRaiseLimits || requested >= source.outOfMemoryScore) return requested;
  if (requested !== 0) throw fail('runtime.start_failed', { message: "can't get final child's PID from pipe: EOF" });
  return source.outOfMemoryScore;
}

function amount(value: number): number {
  return value < 0 ? Number.POSITIVE_INFINITY : value;
}

function written(value: number): WideNumber {
  return value === Number.POSITIVE_INFINITY ? unlimited : value;
}
