/** Moments in nanoseconds since 1970 (bigint) and their RFC 3339 form as Go prints it. */

const offset = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();
let correction = offset;

/** Now, in nanoseconds since 1970, never two calls alike while the system clock is not set back. */
export function nowNanoseconds(): bigint {
  const wall = BigInt(Date.now()) * 1_000_000n;
  let now = process.hrtime.bigint() + correction;
  const drift = wall - now;
  // The clock was set, or the machine slept: follow the wall clock again.
  if (drift > 20_000_000n || drift < -20_000_000n) {
    correction += drift;
    now += drift;
  }
  return now;
}

/** Go's RFC3339Nano in UTC: trailing zeros of the fraction are dropped. */
export function formatTimestamp(nanoseconds: bigint): string {
  const seconds = nanoseconds / 1_000_000_000n;
  const fraction = nanoseconds - seconds * 1_000_000_000n;
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  const digits = fraction.toString().padStart(9, '0').replace(/0+$/, '');
  return digits === '' ? `${whole}Z` : `${whole}.${digits}Z`;
}

/** Now as {@link formatTimestamp} prints it. */
export function timestampNow(): string {
  return formatTimestamp(nowNanoseconds());
}

/** Go's zero time, Docker's "never". */
export const zeroTimestamp = '0001-01-01T00:00:00Z';

/** Reads an RFC 3339 timestamp with up to nine digits of fraction; undefined if it is none. */
export function parseTimestamp(text: string): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (match === null) return undefined;
  const milliseconds = Date.parse(`${match[1]}${match[3]}`);
  if (Number.isNaN(milliseconds)) return undefined;
  return BigInt(milliseconds) * 1_000_000n + BigInt((match[2] ?? '0').padEnd(9, '0'));
}
