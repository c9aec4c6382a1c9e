/** Moments in archives, exact to the nanosecond. */
import { invalidHeader } from './tar-errors.ts';

export interface TarTimestamp {
  /** Whole seconds since 1970, rounded down. */
  readonly seconds: number;
  /** 0–999,999,999, added to `seconds`. */
  readonly nanoseconds: number;
}

/** Reads a pax time: decimal seconds, maybe negative, with a fraction of any length. @throws layer.invalid_archive */
export function readPaxTime(text: string): TarTimestamp {
  const match = /^(-?)(\d{1,16})(?:\.(\d*))?$/.exec(text);
  if (match === null) throw invalidHeader();
  const seconds = Number(match[2]);
  const nanoseconds = Number((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  if (!Number.isSafeInteger(seconds)) throw invalidHeader();
  if (match[1] === '') return { seconds, nanoseconds };
  if (nanoseconds === 0) return { seconds: 0 - seconds, nanoseconds };
  return { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds };
}

/** Inverse of {@link readPaxTime}, without trailing zeros. */
export function writePaxTime({ seconds, nanoseconds }: TarTimestamp): string {
  if (nanoseconds === 0) return String(seconds);
  const negative = seconds < 0;
  const whole = negative ? -seconds - 1 : seconds;
  const fraction = negative ? 1_000_000_000 - nanoseconds : nanoseconds;
  return `${negative ? '-' : ''}${whole}.${String(fraction).padStart(9, '0').replace(/0+$/, '')}`;
}
