/** Sizes as users write them: `512m`, `1.5 GiB` (go-units). */

const exponents: Readonly<Record<string, number>> = { k: 1, m: 2, g: 3, t: 4, p: 5 };

/** Bytes, with units in powers of `base`; or what is wrong with the text, in go-units' words. */
export function readSize(text: string, base: 1000 | 1024): { readonly bytes: number } | { readonly problem: string } {
  const last = Math.max(...Array.from('0123456789. ', (character) => text.lastIndexOf(character)));
  if (last < 0) return { problem: `invalid size: '${text}'` };
  const number = text[last] === ' ' ? text.slice(0, last) : text.slice(0, last + 1);
  const suffix = text.slice(last + 1);
  if (!/^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$/.test(number)) {
    return { problem: `strconv.ParseFloat: parsing ${JSON.stringify(number)}: invalid syntax` };
  }
  const size = Number(number);
  if (size < 0) return { problem: `invalid size: '${text}'` };
  if (suffix === '') return { bytes: Math.trunc(size) };
  if (suffix.length > 3) return { problem: `invalid suffix: '${suffix}'` };
  const unit = suffix.toLowerCase();
  if (unit === 'b') return { bytes: Math.trunc(size) };
  const [, letter = ''] = /^([kmgtp])(?:b|ib)?$/.exec(unit) ?? [];
  const exponent = exponents[letter];
  return exponent === undefined ? { problem: `invalid suffix: '${unit}'` } : { bytes: Math.trunc(size * base ** exponent) };
}
