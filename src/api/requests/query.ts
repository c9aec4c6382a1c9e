/** The parameters of a request, read with Docker's rules. */
import { parseFilters } from '#base/filters.ts';
import { fail } from '#base/errors/failure.ts';
import type { Filters } from '#engine/contract.ts';
import { quoteText } from '#base/template/go-quote.ts';
import { parseGoInteger, parseGoUint32 } from './go-number.ts';

const falseWords: ReadonlySet<string> = new Set(['', '0', 'no', 'false', 'none']);
const noValues: ReadonlyMap<string, readonly string[]> = new Map();

export class Query {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  /** @throws api.invalid_parameter with Go's texts for wrong escapes */
  constructor(text: string) {
    this.#values = text === '' ? noValues : parseQuery(text);
  }

  /** Whether the parameter is there, with or without a value. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The first value; empty where there is none. */
  text(name: string): string {
    return this.#values.get(name)?.[0] ?? '';
  }

  texts(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** `fallback` only where the parameter is missing. */
  flag(name: string, fallback = false): boolean {
    return this.has(name) ? !falseWords.has(this.text(name).trim().toLowerCase()) : fallback;
  }

  /** undefined where empty. @throws api.invalid_number */
  integer(name: string): number | undefined {
    const text = this.text(name);
    return text === '' ? undefined : parseGoInteger(text, 'Atoi');
  }

  /** @throws api.invalid_parameter naming `what` */
  size(name: string, what: string): number {
    return parseGoUint32(this.text(name), what);
  }

  /** @throws api.invalid_filter */
  filters(): Filters {
    return parseFilters(this.text('filters'));
  }
}

function parseQuery(text: string): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const part of text.split('&')) {
    if (part === '') continue;
    if (part.includes(';')) throw fail('api.invalid_parameter', { message: 'invalid semicolon separator in query' });
    const equals = part.indexOf('=');
    const name = unescape(equals < 0 ? part : part.slice(0, equals));
    const value = equals < 0 ? '' : unescape(part.slice(equals + 1));
    const list = values.get(name);
    if (list === undefined) values.set(name, [value]);
    else list.push(value);
  }
  return values;
}

function unescape(text: string): string {
  if (!/[%+]/.test(text)) return text;
  const wrong = /%(?![0-9a-fA-F]{2})/.exec(text);
  if (wrong !== null) {
    throw fail('api.invalid_parameter', { message: `invalid URL escape ${quoteText(text.slice(wrong.index, wrong.index + 3))}` });
  }
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    // Escapes that are no UTF-8: Go keeps the bytes, text shows them as U+FFFD.
    return Buffer.from(spaced.replaceAll(/%([0-9a-fA-F]{2})|([^%]+)/g, (_, hex: string | undefined, plain: string | undefined) => hex ?? Buffer.from(plain ?? '').toString('hex')), 'hex').toString('utf8');
  }
}
