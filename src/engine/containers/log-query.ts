/** The parameters of a log request, as Docker reads them. Pure. */
import { fail } from '#base/errors/failure.ts';
import { parseTimestamp } from '#base/timestamp.ts';
import type { LogRequest } from '../contract.ts';

export interface LogBounds {
  readonly since: bigint | undefined;
  readonly until: bigint | undefined;
  readonly tail: number | undefined;
}

/** @throws api.invalid_parameter with Docker's texts */
export function readLogBounds(request: LogRequest): LogBounds {
  if (!request.stdout && !request.stderr) throw fail('api.invalid_parameter', { message: 'Bad parameters: you must choose at least one stream' });
  const since = readMoment('since', request.since);
  const until = readMoment('until', request.until);
  return { since: since === 0n ? undefined : since, until: until === 0n ? undefined : until, tail: readTail(request.tail) };
}

/** Seconds since 1970 with an optional fraction of up to nine digits; also RFC 3339. Empty: none. */
export function readMoment(name: string, text: string): bigint | undefined {
  if (text === '') return undefined;
  const seconds = /^(-?\d+)(?:\.(\d{1,9}))?$/.exec(text);
  if (seconds !== null) return BigInt(seconds[1] ?? '0') * 1_000_000_000n + BigInt((seconds[2] ?? '0').padEnd(9, '0'));
  const moment = parseTimestamp(text);
  if (moment !== undefined) return moment;
  throw fail('container.moment_invalid', { message: `invalid value for "${name}": failed to parse value as time or duration: "${text}"` });
}

/** A number of lines; anything else, and negative numbers, mean all. */
function readTail(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

