/** Go's strconv for flags: accepted forms and error texts are those of ParseBool, ParseInt and ParseUint. */
import { quoteText } from '#base/template/go-quote.ts';

const truths = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const untruths = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

export function parseBoolean(text: string): boolean {
  if (truths.has(text)) return true;
  if (untruths.has(text)) return false;
  throw new Error(`strconv.ParseBool: parsing ${quoteText(text)}: invalid syntax`);
}

/** A signed integer of 64 bits; `base` 0 takes Go's prefixes and underscores. */
export function parseInteger(text: string, base: 0 | 10 = 0, called = 'ParseInt'): number {
  const value = readInteger(text, base, true);
  if (value === undefined) throw new Error(`strconv.${called}: parsing ${quoteText(text)}: invalid syntax`);
  if (value >= 1n << 63n || value < -(1n << 63n)) throw new Error(`strconv.${called}: parsing ${quoteText(text)}: value out of range`);
  return Number(value);
}

/** An unsigned integer of `bits`. */
export function parseUnsigned(text: string, bits: 16 | 32 | 64, base: 0 | 8 | 10 = 0): number {
  const value = readInteger(text, base, false);
  if (value === undefined) throw new Error(`strconv.ParseUint: parsing ${quoteText(text)}: invalid syntax`);
  if (value >= 1n << BigInt(bits)) throw new Error(`strconv.ParseUint: parsing ${quoteText(text)}: value out of range`);
  return Number(value);
}

function readInteger(text: string, base: 0 | 8 | 10, signed: boolean): bigint | undefined {
  const parts = /^([+-]?)(.+)$/s.exec(text);
  if (parts === null) return undefined;
  const [, sign = '', digits = ''] = parts;
  if (sign !== '' && !signed) return undefined;
  const magnitude = readMagnitude(digits, base);
  if (magnitude === undefined) return undefined;
  return sign === '-' ? -magnitude : magnitude;
}

function readMagnitude(digits: string, base: 0 | 8 | 10): bigint | undefined {
  if (base === 10) return /^[0-9]+$/.test(digits) ? BigInt(digits) : undefined;
  if (base === 8) return /^[0-7]+$/.test(digits) ? BigInt(`0o${digits}`) : undefined;
  if (/^[1-9](_?[0-9])*$|^0$/.test(digits)) return BigInt(digits.replaceAll('_', ''));
  if (/^0[xX](_?[0-9a-fA-F])+$|^0[bB](_?[01])+$|^0[oO](_?[0-7])+$/.test(digits)) return BigInt(digits.replaceAll('_', '').toLowerCase());
  if (/^0(_?[0-7])+$/.test(digits)) return BigInt(`0o${digits.replaceAll('_', '').slice(1)}`);
  return undefined;
}
