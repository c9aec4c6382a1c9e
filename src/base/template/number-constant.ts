/** Number constants of a template: untyped as in Go, they are whatever the place they stand in takes. */
import { quoteText } from './go-quote.ts';
import { unquoteCharacter } from './go-quote.ts';
import type { Complex } from './go-value.ts';

export interface NumberConstant {
  readonly text: string;
  /** Its value as a signed 64-bit integer, where it has one. */
  readonly signed?: bigint;
  readonly unsigned?: bigint;
  readonly float?: number;
  readonly complex?: Complex;
}

const signedLimit = 1n << 63n;
const unsignedLimit = 1n << 64n;

/** The constant, or the text of the error. */
export function parseCharacterConstant(text: string): NumberConstant | string {
  const read = unquoteCharacter(text, 1, "'");
  if (read === undefined) return 'invalid syntax';
  if (text.slice(read.next) !== "'") return `malformed character constant: ${text}`;
  return { text, signed: BigInt(read.code), unsigned: BigInt(read.code), float: read.code };
}

/** `1+2i`. */
export function parseComplexConstant(text: string): NumberConstant | string {
  const split = /^(.*[^eEpP])([-+].*)i$/.exec(text);
  const real = parseFloatText(split?.[1] ?? '');
  const imaginary = parseFloatText(split?.[2] ?? '');
  if (real === undefined || imaginary === undefined) return 'syntax error scanning complex number';
  return complexConstant(text, { real, imaginary });
}

export function parseNumberConstant(text: string): NumberConstant | string {
  if (text.endsWith('i')) {
    const imaginary = parseFloatText(text.slice(0, -1));
    if (imaginary !== undefined) return complexConstant(text, { real: 0, imaginary });
  }
  const integer = parseIntegerText(text);
  const isUnsigned = integer !== undefined && integer >= 0n && integer < unsignedLimit && !/^[-+]/.test(text);
  const isSigned = integer !== undefined && integer >= -signedLimit && integer < signedLimit;
  if (integer !== undefined && (isSigned || isUnsigned)) {
    return {
      text,
      ...(isSigned ? { signed: integer } : {}),
      ...(isUnsigned || integer === 0n ? { unsigned: integer } : {}),
      float: Number(integer),
    };
  }
  const float = parseFloatText(text);
  if (float === undefined || !Number.isFinite(float)) return `illegal number syntax: ${quoteText(text)}`;
  if (!/[.eEpP]/.test(text)) return `integer overflow: ${quoteText(text)}`;
  return { text, ...integral(float), float };
}

function complexConstant(text: string, complex: Complex): NumberConstant {
  if (complex.imaginary !== 0) return { text, complex };
  return { text, complex, ...integral(complex.real), float: complex.real };
}

function integral(float: number): Pick<NumberConstant, 'signed' | 'unsigned'> {
  if (!Number.isInteger(float)) return {};
  const integer = BigInt(float);
  return {
    ...(integer >= -signedLimit && integer < signedLimit ? { signed: integer } : {}),
    ...(integer >= 0n && integer < unsignedLimit ? { unsigned: integer } : {}),
  };
}

/** Underscores may stand between digits, and between a prefix and a digit. */
function withoutUnderscores(digits: string, prefixed: boolean): string | undefined {
  const rule = prefixed ? /^(?:_?[0-9a-fA-F])+$/ : /^[0-9](?:_?[0-9])*$/;
  return rule.test(digits) ? digits.replaceAll('_', '') : undefined;
}

/** Go's `strconv.ParseInt` with base 0, of any size. */
function parseIntegerText(text: string): bigint | undefined {
  const [, sign = '', prefix = '', body = ''] = /^([-+]?)(0[xXoObB]|0(?=[0-9_]))?(.*)$/.exec(text) ?? [];
  const digits = withoutUnderscores(body, prefix !== '');
  if (digits === undefined) return undefined;
  const radix = prefix === '0' ? '0o' : prefix === '' ? '' : prefix.toLowerCase();
  const allowed = radix === '0x' ? /^[0-9a-fA-F]+$/ : radix === '0o' ? /^[0-7]+$/ : radix === '0b' ? /^[01]+$/ : /^[0-9]+$/;
  if (!allowed.test(digits)) return undefined;
  const magnitude = BigInt(`${radix}${digits}`);
  return sign === '-' ? -magnitude : magnitude;
}

/** Go's `strconv.ParseFloat`, without infinities and NaN. */
function parseFloatText(text: string): number | undefined {
  const hexadecimal = /^([-+]?)0[xX]([0-9a-fA-F_]*)(?:\.([0-9a-fA-F_]*))?[pP]([-+]?[0-9]+)$/.exec(text);
  if (hexadecimal !== null) {
    const [, sign, whole = '', fraction = '', exponent = '0'] = hexadecimal;
    const digits = `${whole}${fraction}`.replaceAll('_', '');
    if (digits === '') return undefined;
    const value = Number(BigInt(`0x${digits}`)) * 2 ** (Number(exponent) - 4 * fraction.replaceAll('_', '').length);
    return sign === '-' ? -value : value;
  }
  if (!/^[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9][0-9_]*)?$/.test(text)) return undefined;
  if (/(?:^|[^0-9])_|_(?:$|[^0-9])/.test(text.replace(/__/g, '_.'))) return undefined;
  return Number(text.replaceAll('_', ''));
}
