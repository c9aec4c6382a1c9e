/** Whole numbers in queries, read as Go's `strconv` does, with its texts. */
import { fail } from '#base/errors/failure.ts';
import { quoteText } from '#base/template/go-quote.ts';

const largest = 2n ** 63n - 1n;

/** @param parser the Go function Docker uses at this place, as its text names it. @throws api.invalid_number */
export function parseGoInteger(text: string, parser: 'Atoi' | 'ParseInt'): number {
  const invalid = (reason: string): Error => fail('api.invalid_number', { parser, quoted: quoteText(text), reason });
  if (!/^[+-]?\d+$/.test(text)) throw invalid('invalid syntax');
  const exact = BigInt(text.replace(/^\+/, ''));
  if (exact > largest || exact < -largest - 1n) throw invalid('value out of range');
  return Number(exact);
}

/** A number of 32 bits without sign. @throws api.invalid_parameter `invalid <what> "<text>": …` */
export function parseGoUint32(text: string, what: string): number {
  const invalid = (reason: string): Error => fail('api.invalid_parameter', { message: `invalid ${what} ${quoteText(text)}: ${reason}` });
  if (!/^-?\d+$/.test(text)) throw invalid('invalid syntax');
  const number = Number(text);
  if (text.startsWith('-') || number > 0xffff_ffff) throw invalid('value out of range');
  return number;
}

/** Nanoseconds since 1970 of `seconds[.fraction]`; undefined where empty. @throws api.invalid_number */
export function parseEventTime(text: string): bigint | undefined {
  if (text === '') return undefined;
  const dot = text.indexOf('.');
  const seconds = BigInt(parseGoInteger(dot < 0 ? text : text.slice(0, dot), 'ParseInt'));
  if (dot < 0) return seconds * 1_000_000_000n;
  const digits = text.slice(dot + 1);
  const fraction = BigInt(parseGoInteger(digits, 'ParseInt'));
  const scale = 9 - digits.length;
  return seconds * 1_000_000_000n + (scale >= 0 ? fraction * 10n ** BigInt(scale) : fraction / 10n ** BigInt(-scale));
}
