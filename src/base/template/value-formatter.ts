/** One value printed by one verb of Go's fmt, with its width, precision and flags. */
import { formatFloat } from './float-text.ts';
import { canBackquote, isPrintable, quoteRune, quoteText } from './go-quote.ts';
import { bytesOfText, runeCount } from './go-text.ts';
import { isUnsigned, methodOf } from './go-type.ts';
import { complexOf, elementsOf, floatOf, indirect, integerOf, sortedEntries, targetOf, textOf, type GoValue } from './go-value.ts';

/** Undefined: nil. */
export type Argument = GoValue | undefined;

export interface Flags {
  width: number | undefined;
  precision: number | undefined;
  plus: boolean;
  minus: boolean;
  sharp: boolean;
  space: boolean;
  zero: boolean;
  /** `%+v`: with field names. */
  plusV: boolean;
  /** `%#v`: Go syntax. */
  sharpV: boolean;
}

export function noFlags(): Flags {
  return {
    width: undefined, precision: undefined, plus: false, minus: false, sharp: false, space: false, zero: false,
    plusV: false, sharpV: false,
  };
}

export class ValueFormatter {
  readonly #flags: Flags;
  #erroring = false;

  constructor(flags: Flags) {
    this.#flags = flags;
  }

  argument(value: Argument, verb: string): string {
    const boxed = value?.type.kind === 'interface' ? targetOf(value) : value;
    if (boxed === undefined) return verb === 'T' || verb === 'v' ? this.#pad('<nil>') : this.#badVerb(undefined, verb);
    if (verb === 'T') return this.#string(boxed.type.name, 's', boxed);
    if (verb === 'p') return this.#address(boxed, verb);
    return this.#byMethod(boxed, verb) ?? this.#value(boxed, verb, 0);
  }

  #badVerb(value: Argument, verb: string): string {
    this.#erroring = true;
    const shown = value === undefined ? '<nil>' : `${value.type.name}=${this.#value(value, 'v', 0)}`;
    this.#erroring = false;
    return `%!${verb}(${shown})`;
  }

  /** What `Error` or `String` gives, where the verb takes a string. */
  #byMethod(value: GoValue, verb: string): string | undefined {
    if (this.#erroring || this.#flags.sharpV || !'vsxXq'.includes(verb)) return undefined;
    const method = methodOf(value.type, 'Error') ?? methodOf(value.type, 'String');
    if (method === undefined || method.parameters.length > 0) return undefined;
    const { value: receiver, isNil } = value.type.kind === 'pointer' ? indirect(value) : { value, isNil: false };
    if (isNil || receiver === undefined) return '<nil>';
    const result = method.call(receiver, []);
    return result === undefined ? undefined : this.#string(textOf(result), verb, value);
  }

  #value(value: GoValue, verb: string, depth: number): string {
    if (depth > 0) {
      const text = this.#byMethod(value, verb);
      if (text !== undefined) return text;
    }
    const { type } = value;
    switch (type.kind) {
      case 'bool': return verb === 't' || verb === 'v' ? this.#pad(String(value.data)) : this.#badVerb(value, verb);
      case 'string': return this.#string(textOf(value), verb, value);
      case 'float32':
      case 'float64': return this.#float(value, verb);
      case 'complex128': return this.#complex(value, verb);
      case 'slice':
      case 'array': return this.#list(value, type.kind, verb, depth);
      case 'map': return this.#map(value, verb, depth);
      case 'struct': return this.#struct(value, type.fields.map((field) => field.name), verb, depth);
      case 'interface': {
        const target = targetOf(value);
        if (target !== undefined) return this.#value(target, verb, depth + 1);
        return this.#flags.sharpV ? `${type.name}(nil)` : '<nil>';
      }
      case 'pointer': {
        const target = targetOf(value);
        const shown = target !== undefined && depth === 0 && ['slice', 'array', 'struct', 'map'].includes(target.type.kind);
        return shown ? `&${this.#value(target, verb, depth + 1)}` : this.#address(value, verb);
      }
      case 'func': return this.#address(value, verb);
      default: return this.#integer(value, verb);
    }
  }

  #list(value: GoValue, kind: string, verb: string, depth: number): string {
    const { sharpV } = this.#flags;
    if (sharpV && kind === 'slice' && value.data === null) return `${value.type.name}(nil)`;
    const parts = elementsOf(value).map((element) => this.#value(element, verb, depth + 1));
    return sharpV ? `${value.type.name}{${parts.join(', ')}}` : `[${parts.join(' ')}]`;
  }

  #map(value: GoValue, verb: string, depth: number): string {
    const { sharpV } = this.#flags;
    if (sharpV && value.data === null) return `${value.type.name}(nil)`;
    const parts = sortedEntries(value).map(([key, element]) => (
      `${this.#value(key, verb, depth + 1)}:${this.#value(element, verb, depth + 1)}`));
    return sharpV ? `${value.type.name}{${parts.join(', ')}}` : `map[${parts.join(' ')}]`;
  }

  #struct(value: GoValue, names: readonly string[], verb: string, depth: number): string {
    const { sharpV, plusV } = this.#flags;
    const parts = elementsOf(value).map((field, index) => {
      const content = field.type.kind === 'interface' ? targetOf(field) ?? field : field;
      return `${sharpV || plusV ? `${names[index]}:` : ''}${this.#value(content, verb, depth + 1)}`;
    });
    return sharpV ? `${value.type.name}{${parts.join(', ')}}` : `{${parts.join(' ')}}`;
  }

  /** Where a pointer points. There are no addresses here: all that is not nil is at one. */
  #address(value: GoValue, verb: string): string {
    const { kind, name } = value.type;
    if (!['pointer', 'func', 'map', 'slice'].includes(kind)) return this.#badVerb(value, verb);
    const address = value.data === null ? 0n : 0xc000010000n;
    if (verb === 'v') {
      if (this.#flags.sharpV) return `(${name})(${address === 0n ? 'nil' : `0x${address.toString(16)}`})`;
      if (address === 0n) return this.#pad('<nil>');
    }
    if (verb !== 'v' && !'pbodxX'.includes(verb)) return this.#badVerb(value, verb);
    const sharp = this.#flags.sharp;
    if (verb === 'v' || verb === 'p') this.#flags.sharp = !sharp;
    const text = this.#digits(address, verb === 'v' || verb === 'p' ? 'x' : verb);
    this.#flags.sharp = sharp;
    return text;
  }

  #pad(text: string): string {
    const { width, minus, zero } = this.#flags;
    if (width === undefined) return text;
    const missing = width - runeCount(text);
    if (missing <= 0) return text;
    // Zeros are never put to the right.
    return minus ? text + ' '.repeat(missing) : (zero ? '0' : ' ').repeat(missing) + text;
  }

  #padBlank(text: string): string {
    const { zero } = this.#flags;
    this.#flags.zero = false;
    const padded = this.#pad(text);
    this.#flags.zero = zero;
    return padded;
  }

  #truncate(text: string): string {
    const { precision } = this.#flags;
    return precision === undefined ? text : Array.from(text).slice(0, precision).join('');
  }

  #string(text: string, verb: string, value: GoValue): string {
    switch (verb) {
      case 'v': return this.#flags.sharpV ? this.#quoted(text) : this.#pad(this.#truncate(text));
      case 's': return this.#pad(this.#truncate(text));
      case 'q': return this.#quoted(text);
      case 'x':
      case 'X': return this.#hexadecimal(text, verb);
      default: return this.#badVerb(value, verb);
    }
  }

  #quoted(text: string): string {
    const shown = this.#truncate(text);
    if (this.#flags.sharp && canBackquote(shown)) return this.#pad(`\`${shown}\``);
    return this.#pad(quoteText(shown, this.#flags.plus));
  }

  #hexadecimal(text: string, verb: string): string {
    const { precision, sharp, space } = this.#flags;
    const bytes = Array.from(bytesOfText(text)).slice(0, precision);
    if (bytes.length === 0) return this.#pad('');
    const pairs = bytes.map((byte) => byte.toString(16).padStart(2, '0'));
    const lead = sharp ? '0x' : '';
    const joined = space ? pairs.map((pair) => lead + pair).join(' ') : lead + pairs.join('');
    return this.#pad(verb === 'X' ? joined.toUpperCase() : joined);
  }

  #integer(value: GoValue, verb: string): string {
    const integer = integerOf(value);
    const unsigned = isUnsigned(value.type.kind);
    switch (verb) {
      case 'v':
        if (!this.#flags.sharpV || !unsigned) return this.#digits(integer, 'd');
        return this.#digits(integer, 'x', true);
      case 'd':
      case 'b':
      case 'o':
      case 'O':
      case 'x':
      case 'X': return this.#digits(integer, verb);
      case 'c': return this.#pad(String.fromCodePoint(runeOf(integer)));
      case 'q': return this.#pad(quoteRune(runeOf(integer), this.#flags.plus));
      case 'U': return this.#unicode(BigInt.asUintN(64, integer));
      default: return this.#badVerb(value, verb);
    }
  }

  #digits(integer: bigint, verb: string, prefixed = this.#flags.sharp): string {
    const { width, precision, plus, minus, space, zero } = this.#flags;
    const negative = integer < 0n;
    const sign = negative ? '-' : plus ? '+' : space ? ' ' : '';
    if (precision === 0 && integer === 0n) return this.#padBlank('');
    const base = verb === 'b' ? 2 : verb === 'o' || verb === 'O' ? 8 : verb === 'd' ? 10 : 16;
    let digits = (negative ? -integer : integer).toString(base);
    let least = precision ?? 0;
    if (precision === undefined && zero && !minus && width !== undefined) least = width - sign.length;
    digits = digits.padStart(least, '0');
    if (prefixed) {
      if (base === 2) digits = `0b${digits}`;
      else if (base === 8 && !digits.startsWith('0')) digits = `0${digits}`;
      else if (base === 16) digits = `0x${digits}`;
    }
    if (verb === 'O') digits = `0o${digits}`;
    return this.#padBlank(sign + (verb === 'X' ? digits.toUpperCase() : digits));
  }

  #unicode(integer: bigint): string {
    const { precision = 0, sharp } = this.#flags;
    const text = `U+${integer.toString(16).toUpperCase().padStart(Math.max(precision, 4), '0')}`;
    const character = integer <= 0x10ffffn ? String.fromCodePoint(Number(integer)) : '';
    return this.#padBlank(sharp && character !== '' && isPrintable(character) ? `${text} '${character}'` : text);
  }

  #float(value: GoValue, verb: string): string {
    if (!'vbgGxXfFeE'.includes(verb)) return this.#badVerb(value, verb);
    return this.#floatText(floatOf(value), verb);
  }

  #complex(value: GoValue, verb: string): string {
    if (!'vbgGxXfFeE'.includes(verb)) return this.#badVerb(value, verb);
    const { real, imaginary } = complexOf(value);
    const { plus } = this.#flags;
    const first = this.#floatText(real, verb);
    this.#flags.plus = true;
    const second = this.#floatText(imaginary, verb);
    this.#flags.plus = plus;
    return `(${first}${second}i)`;
  }

  #floatText(value: number, verb: string): string {
    const { plus, space, zero, width, minus } = this.#flags;
    const precision = this.#flags.precision ?? ('fFeE'.includes(verb) ? 6 : -1);
    const bare = formatFloat(value, verb === 'v' ? 'g' : verb === 'F' ? 'f' : verb, precision);
    const signed = /^[-+]/.test(bare) ? bare : `+${bare}`;
    let sign = signed.startsWith('+') && space && !plus ? ' ' : signed.slice(0, 1);
    let digits = signed.slice(1);
    if (digits === 'Inf' || digits === 'NaN') {
      if ((digits === 'NaN' || sign === '+') && !space && !plus) sign = digits === 'NaN' ? '' : '+';
      return this.#padBlank(sign + digits);
    }
    if (this.#flags.sharp && verb !== 'b') digits = withPoint(digits, verb, precision);
    if (!plus && sign === '+') return this.#pad(digits);
    // Zeros go between the sign and the digits.
    if (zero && !minus && width !== undefined && width > digits.length + 1) return sign + digits.padStart(width - 1, '0');
    return this.#pad(sign + digits);
  }
}

/** `%#g`: with a decimal point and the trailing zeros. */
function withPoint(text: string, verb: string, precision: number): string {
  const [, number = text, tail = ''] = /^(.*?)((?:[eE](?=[-+])|[pP]).*)?$/.exec(text) ?? [];
  let missing = 'vgGx'.includes(verb) ? (precision < 0 ? 6 : precision) : 0;
  const significant = number.replace('.', '').replace(/^0+/, '');
  missing -= significant.length;
  const pointed = number.includes('.') ? number : `${number}.`;
  if (!number.includes('.') && number === '0') missing--;
  return `${pointed}${'0'.repeat(Math.max(missing, 0))}${tail}`;
}

function runeOf(integer: bigint): number {
  const isRune = integer >= 0n && integer <= 0x10ffffn && !(integer >= 0xd800n && integer <= 0xdfffn);
  return isRune ? Number(integer) : 0xfffd;
}
