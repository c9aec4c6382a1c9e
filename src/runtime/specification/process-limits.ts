/** Resource limits and the out-of-memory score, cut down to what this engine may grant. */
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

/** The `rlimits` of the specification. What cannot be granted is clamped and told in `warnings`. */
export function processLimits(ulimits: readonly Ulimit[], source: LimitSource, warnings: string[]): SpecificationLimit[] {
  return ulimits.map((ulimit) => {
    const ceiling = source.mayRaiseLimits ? Number.POSITIVE_INFINITY : (source.resourceLimits[ulimit.Name]?.hard ?? Number.POSITIVE_INFINITY);
    const hard = Math.min(amount(ulimit.Hard), ceiling);
    const soft = Math.min(amount(ulimit.Soft), hard);
    if (hard < amount(ulimit.Hard)) {
      warnings.push(`the limit ${ulimit.Name} was lowered from ${inWords(amount(ulimit.Hard))} to ${inWords(hard)}: the engine lacks CAP_SYS_RESOURCE to raise it`);
    }
    return { type: `RLIMIT_${ulimit.Name.toUpperCase()}`, soft: written(soft), hard: written(hard) };
  });
}

/** Limits read back from JSON, where unlimited has become a number that is too large by a little. */
export function exactLimits(limits: readonly SpecificationLimit[]): SpecificationLimit[] {
  const exact = (value: WideNumber): WideNumber => (typeof value === 'number' && !Number.isSafeInteger(value) ? unlimited : value);
  return limits.map((limit) => ({ type: limit.type, soft: exact(limit.soft), hard: exact(limit.hard) }));
}

/** The `oomScoreAdj` of the specification, clamped likewise. */
export function outOfMemoryScore(requested: number, source: LimitSource, warnings: string[]): number {
  if (source.mayRaiseLimits || requested >= source.outOfMemoryScore) return requested;
  if (requested !== 0) warnings.push(`the out-of-memory score was raised from ${requested} to ${source.outOfMemoryScore}: the engine lacks CAP_SYS_RESOURCE to lower it`);
  return source.outOfMemoryScore;
}

function amount(value: number): number {
  return value < 0 ? Number.POSITIVE_INFINITY : value;
}

function written(value: number): WideNumber {
  return value === Number.POSITIVE_INFINITY ? unlimited : value;
}

function inWords(value: number): string {
  return value === Number.POSITIVE_INFINITY ? 'unlimited' : String(value);
}
