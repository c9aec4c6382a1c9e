/** Sizes as Docker prints them (go-units): four significant digits, or as many as asked for, and a unit. */
import { formatFloat } from './template/float-text.ts';

const decimalUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'] as const;
const binaryUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB'] as const;

/** `1.235MB`: in powers of 1000 (go-units `HumanSizeWithPrecision`). */
export function humanSize(bytes: number, precision = 4): string {
  return scaled(bytes, 1000, decimalUnits, precision);
}

/** `1.178MiB`: in powers of 1024 (go-units `BytesSize`). */
export function binarySize(bytes: number): string {
  return scaled(bytes, 1024, binaryUnits, 4);
}

function scaled(bytes: number, base: number, units: readonly string[], precision: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= base && unit < units.length - 1) {
    size /= base;
    unit++;
  }
  return `${formatFloat(size, 'g', precision)}${units[unit]}`;
}
