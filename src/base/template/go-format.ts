/** Go's fmt for values of templates: `Sprint`, `Sprintln` and `Sprintf` with all their verbs and complaints. */
import { isSigned, isUnsigned, methodOf, type GoType } from './go-type.ts';
import { indirect } from './go-value.ts';
import { noFlags, ValueFormatter, type Argument, type Flags } from './value-formatter.ts';

/** Widths and precisions beyond this are taken for mistakes. */
const largestNumber = 1e6;

/** Go's `fmt.Sprint`: a space between two values of which neither is a string. */
export function formatPrint(values: readonly Argument[]): string {
  let text = '';
  let afterString = true;
  for (const value of values) {
    const isString = value?.type.kind === 'string';
    if (!isString && !afterString) text += ' ';
    text += new ValueFormatter(noFlags()).argument(value, 'v');
    afterString = isString;
  }
  return text;
}

/** Go's `fmt.Sprintln`. */
export function formatPrintln(values: readonly Argument[]): string {
  return `${values.map((value) => formatValue(value)).join(' ')}\n`;
}

/** Go's `%v`. */
export function formatValue(value: Argument): string {
  return new ValueFormatter(noFlags()).argument(value, 'v');
}

/** Go's `fmt.Sprintf`. */
export function formatPrintf(format: string, values: readonly Argument[]): string {
  return new Directives(format, values).run();
}

/** What a template prints of a value: what pointers point to. */
export function printable(value: Argument): Argument {
  return value?.type.kind === 'pointer' && methodOf(value.type, 'String') === undefined ? indirect(value).value : value;
}

class Directives {
  readonly #format: string;
  readonly #values: readonly Argument[];
  #at = 0;
  #index = 0;
  #reordered = false;
  #goodIndex = true;
  #afterIndex = false;

  constructor(format: string, values: readonly Argument[]) {
    this.#format = format;
    this.#values = values;
  }

  run(): string {
    let text = '';
    while (this.#at < this.#format.length) {
      const percent = this.#format.indexOf('%', this.#at);
      text += this.#format.slice(this.#at, percent < 0 ? undefined : percent);
      if (percent < 0) break;
      this.#at = percent + 1;
      text += this.#directive();
    }
    return text + this.#extra();
  }

  #directive(): string {
    const flags = noFlags();
    let complaint = '';
    this.#goodIndex = true;
    this.#afterIndex = false;
    this.#readFlags(flags);
    this.#readIndex();
    if (this.#format[this.#at] === '*') {
      this.#at++;
      const width = this.#integer();
      if (width === undefined) complaint += '%!(BADWIDTH)';
      else if (width < 0) {
        flags.minus = true;
        flags.zero = false;
      }
      flags.width = width === undefined ? undefined : Math.abs(width);
      this.#afterIndex = false;
    } else {
      flags.width = this.#number();
      if (this.#afterIndex && flags.width !== undefined) this.#goodIndex = false;
    }
    if (this.#format[this.#at] === '.' && this.#at + 1 < this.#format.length) {
      this.#at++;
      if (this.#afterIndex) this.#goodIndex = false;
      this.#readIndex();
      if (this.#format[this.#at] === '*') {
        this.#at++;
        const precision = this.#integer();
        flags.precision = precision !== undefined && precision >= 0 ? precision : undefined;
        if (flags.precision === undefined) complaint += '%!(BADPREC)';
        this.#afterIndex = false;
      } else {
        flags.precision = this.#number() ?? 0;
      }
    }
    if (!this.#afterIndex) this.#readIndex();
    return complaint + this.#verb(flags);
  }

  #verb(flags: Flags): string {
    const code = this.#format.codePointAt(this.#at);
    if (code === undefined) return '%!(NOVERB)';
    const verb = String.fromCodePoint(code);
    this.#at += verb.length;
    if (verb === '%') return '%';
    if (!this.#goodIndex) return `%!${verb}(BADINDEX)`;
    if (this.#index >= this.#values.length) return `%!${verb}(MISSING)`;
    if (verb === 'v') {
      flags.sharpV = flags.sharp;
      flags.sharp = false;
      flags.plusV = flags.plus;
      flags.plus = false;
    }
    return new ValueFormatter(flags).argument(this.#values[this.#index++], verb);
  }

  #readFlags(flags: Flags): void {
    for (; ; this.#at++) {
      switch (this.#format[this.#at]) {
        case '#': flags.sharp = true; break;
        case '0': flags.zero = true; break;
        case '+': flags.plus = true; break;
        case '-': flags.minus = true; break;
        case ' ': flags.space = true; break;
        default: return;
      }
    }
  }

  /** `[3]`: the argument to go on with. */
  #readIndex(): void {
    this.#afterIndex = false;
    if (this.#format[this.#at] !== '[') return;
    this.#reordered = true;
    const close = this.#format.indexOf(']', this.#at);
    if (close < 0) {
      this.#goodIndex = false;
      this.#at++;
      return;
    }
    const digits = this.#format.slice(this.#at + 1, close);
    this.#at = close + 1;
    const index = /^[0-9]+$/.test(digits) ? Number(digits) - 1 : -1;
    if (index >= 0 && index < this.#values.length) {
      this.#index = index;
      this.#afterIndex = true;
    } else {
      this.#goodIndex = false;
      this.#afterIndex = /^[0-9]+$/.test(digits);
    }
  }

  #number(): number | undefined {
    const digits = /^[0-9]+/.exec(this.#format.slice(this.#at))?.[0];
    if (digits === undefined) return undefined;
    if (Number(digits) > largestNumber * 10) {
      this.#at = this.#format.length;
      return undefined;
    }
    this.#at += digits.length;
    return Number(digits);
  }

  #integer(): number | undefined {
    if (this.#index >= this.#values.length) return undefined;
    const value = this.#values[this.#index++];
    if (typeof value?.data !== 'bigint') return undefined;
    const number = Number(value.data);
    return Math.abs(number) > largestNumber ? undefined : number;
  }

  #extra(): string {
    if (this.#reordered || this.#index >= this.#values.length) return '';
    const rest = this.#values.slice(this.#index).map((value) => (
      value === undefined ? '<nil>' : `${value.type.name}=${formatValue(value)}`));
    return `%!(EXTRA ${rest.join(', ')})`;
  }
}

/** Whether values of a type print as integers. */
export function isInteger(type: GoType): boolean {
  return isSigned(type.kind) || isUnsigned(type.kind);
}
