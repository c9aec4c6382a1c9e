/**
 * Moments as users write them for `since` and `until`: a duration back from now (`10m`), a date or time
 * (local where no zone is given), or seconds since 1970 with an optional fraction. Docker's
 * `api/types/time.GetTimestamp` has the same rules.
 */
import { parseGoDuration } from './go-duration.ts';

const local = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?(Z|[+-]\d\d:\d\d)?$/;

/** Nanoseconds since 1970; undefined when `text` is no moment. */
export function parsePastMoment(text: string, now: bigint): bigint | undefined {
  if (text !== '0') {
    const duration = parseGoDuration(text);
    if (duration !== undefined) {
      const back = now - duration;
      return back - (back % 1_000_000_000n);
    }
  }
  return parseCalendar(text) ?? parseSeconds(text);
}

function parseCalendar(text: string): bigint | undefined {
  const match = local.exec(text);
  if (match === null) return undefined;
  const [, year = '', month = '', day = '', hour = '00', minute = '00', second = '00', fraction = '', zone = ''] = match;
  const milliseconds = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`);
  if (Number.isNaN(milliseconds)) return undefined;
  return BigInt(milliseconds) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}

function parseSeconds(text: string): bigint | undefined {
  const match = /^(-?\d{1,18})(?:\.(\d{1,9}))?$/.exec(text);
  if (match === null) return undefined;
  return BigInt(match[1] ?? '0') * 1_000_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
}
