/** Sizes as users write them: `512m`, `1.5 GiB` (go-units `RAMInBytes` and `FromHumanSize`). */
import { fail } from './errors/failure.ts';

const exponents: Readonly<Record<string, number>> = { k: 1, m: 2, g: 3, t: 4, p: 5 };

/** Bytes, units in powers of 1024. @throws api.invalid_parameter with go-units' text */
export function parseBinarySize(text: string): number {
  return parseSize(text, 1024);
}

/** Bytes, units in powers of 1000. @throws api.invalid_parameter with go-units' text */
export function parseDecimalSize(text: string): number {
  return parseSize(text, 1000);
}

function parseSize(text: string, base: number): number {
  const refuse = (message: string): never => {
    throw fail('api.invalid_parameter', { message });
  };
  const last = Math.max(...Array.from('0123456789. ', (character) => text.lastIndexOf(character)));
  if (last < 0) return refuse(`invalid size: '${text}'`);
  const number = text[last] === ' ' ? text.slice(0, last) : text.slice(0, last + 1);
  const suffix = text.slice(last + 1);
  if (!/^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$/.test(number)) {
    return refuse(`strconv.ParseFloat: parsing ${JSON.stringify(number)}: invalid syntax`);
  }
  const size = Number(number);
  if (size < 0) return refuse(`invalid size: '${text}'`);
  if (suffix === '') return Math.trunc(size);
  if (suffix.length > 3) return refuse(`invalid suffix: '${suffix}'`);
  const unit = suffix.toLowerCase();
  if (unit === 'b') return Math.trunc(size);
  const [, letter = ''] = /^([kmgtp])(?:b|ib)?$/.exec(unit) ?? [];
  const exponent = exponents[letter];
  if (exponent === undefined) return refuse(`invalid suffix: '${unit}'`);
  return Math.trunc(size * base ** exponent);
}
