/** Go's durations: `1h2m3.5s` read and printed as time.ParseDuration and Duration.String do, in nanoseconds. */
import { quoteText } from '#base/template/go-quote.ts';

const units: Readonly<Record<string, number>> = { ns: 1, us: 1e3, 'µs': 1e3, 'μs': 1e3, ms: 1e6, s: 1e9, m: 6e10, h: 3.6e12 };

/** Nanoseconds. @throws Error with Go's text */
export function parseDuration(text: string): number {
  const invalid = (): Error => new Error(`time: invalid duration ${quoteText(text)}`);
  const signed = /^([+-]?)(.*)$/s.exec(text);
  const negative = signed?.[1] === '-';
  let rest = signed?.[2] ?? '';
  if (rest === '0') return 0;
  if (rest === '') throw invalid();
  let total = 0;
  while (rest !== '') {
    const amount = /^[0-9]*\.?[0-9]*/.exec(rest)?.[0] ?? '';
    if (amount === '' || amount === '.') throw invalid();
    rest = rest.slice(amount.length);
    const unit = /^[^0-9.]+/.exec(rest)?.[0];
    if (unit === undefined) throw new Error(`time: missing unit in duration ${quoteText(text)}`);
    const scale = units[unit];
    if (scale === undefined) throw new Error(`time: unknown unit ${quoteText(unit)} in duration ${quoteText(text)}`);
    total += Math.trunc(Number(amount) * scale);
    if (total > 2 ** 63) throw invalid();
    rest = rest.slice(unit.length);
  }
  return negative ? -total : total;
}

export { formatGoDuration as formatDuration } from '#base/go-duration-text.ts';
