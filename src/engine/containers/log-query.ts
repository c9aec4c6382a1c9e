/** The parameters of a log request, as Docker reads them. Pure. */
import { fail } from '#base/errors/failure.ts';
import { quoteText } from '#base/template/go-quote.ts';
import type { LogRequest } from '../contract.ts';

export interface LogBounds {
  readonly since: bigint | undefined;
  readonly until: bigint | undefined;
  readonly tail: number | undefined;
}

const nanosecondsPerSecond = 1_000_000_000n;

/** @throws api.invalid_parameter, api.invalid_number with Docker's texts */
export function readLogBounds(request: LogRequest): LogBounds {
  if (!request.stdout && !request.stderr) throw fail('api.invalid_parameter', { message: 'Bad parameters: you must choose at least one stream' });
  const since = readMoment(request.since);
  const until = readMoment(request.until);
  return { since: since === 0n ? undefined : since, until: until === 0n ? undefined : until, tail: readTail(request.tail) };
}

/** Seconds since 1970 with an optional fraction. Empty: none. @throws api.invalid_number */
function readMoment(text: string): bigint | undefined {
  if (text === '') return undefined;
  const dot = text.indexOf('.');
  const seconds = readWhole(dot === -1 ? text : text.slice(0, dot));
  if (dot === -1) return seconds * nanosecondsPerSecond;
  const digits = text.slice(dot + 1);
  const fraction = readWhole(digits);
  const scale = 9 - digits.length;
  return seconds * nanosecondsPerSecond + (scale >= 0 ? fraction * 10n ** BigInt(scale) : fraction / 10n ** BigInt(-scale));
}

function readWhole(text: string): bigint {
  if (!/^[+-]?\d{1,18}$/.test(text)) throw fail('api.invalid_number', { parser: 'ParseInt', quoted: quoteText(text), reason: 'invalid syntax' });
  return BigInt(text.replace(/^\+/, ''));
}

/** A number of lines; anything else, and negative numbers, mean all. */
function readTail(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

