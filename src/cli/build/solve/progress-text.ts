/** Sizes and times as BuildKit's clients print them. */
import type { Timestamp } from '#schema/buildkit/common-messages.ts';

/** `358B`, `1.23kB`, `4.56MB`: powers of 1000. */
export function shortSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return unit === 0 ? `${value}B` : `${value.toFixed(2)}${units[unit] ?? ''}`;
}

/** Between two times; 0 where one is missing. */
export function stepSeconds(start: Timestamp | undefined, end: Timestamp | undefined): number {
  if (start === undefined || end === undefined) return 0;
  return Math.max(0, end.seconds - start.seconds + (end.nanos - start.nanos) / 1e9);
}
