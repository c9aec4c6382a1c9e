/** Flags of sizes in bytes and of fractions of processors. */
import type { Flag, FlagOptions } from '#cli/flag.ts';
import { parseSize } from '#cli/parse-size.ts';

/** Docker's `bytes`. */
export function bytesFlag(options: FlagOptions): Flag<number> {
  return { ...options, type: 'bytes', initial: 0, add: (_current, text) => parseSize(text) };
}

/** Bytes, or -1 for no limit. */
export function swapBytesFlag(options: FlagOptions): Flag<number> {
  return { ...options, type: 'bytes', initial: 0, add: (_current, text) => (text === '-1' ? -1 : parseSize(text)) };
}

/** Docker's `decimal`: a number of processors, kept in billionths. */
export function processorsFlag(options: FlagOptions): Flag<number> {
  return { ...options, type: 'decimal', initial: 0, add: (_current, text) => parseBillionths(text) };
}

/** A rational number as Go reads it (`0.5`, `1/4`, `15e-1`), times a billion. @throws Error with Docker's texts */
function parseBillionths(text: string): number {
  const fraction = /^([+-]?)(\d+)\/(\d+)$/.exec(text);
  const decimal = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text);
  let numerator: bigint;
  let denominator: bigint;
  let negative: boolean;
  if (fraction !== null && BigInt(fraction[3] ?? '0') !== 0n) {
    negative = fraction[1] === '-';
    numerator = BigInt(fraction[2] ?? '0');
    denominator = BigInt(fraction[3] ?? '1');
  } else if (decimal !== null && `${decimal[2]}${decimal[3] ?? ''}` !== '') {
    const places = (decimal[3] ?? '').length - Number(decimal[4] ?? 0);
    negative = decimal[1] === '-';
    numerator = BigInt(`${decimal[2]}${decimal[3] ?? ''}`) * (places < 0 ? 10n ** BigInt(-places) : 1n);
    denominator = places > 0 ? 10n ** BigInt(places) : 1n;
  } else throw new Error(`failed to parse ${text} as a rational number`);
  const billionths = numerator * 1_000_000_000n;
  if (billionths % denominator !== 0n) throw new Error('value is too precise');
  const value = Number(billionths / denominator);
  return negative ? -value : value;
}
