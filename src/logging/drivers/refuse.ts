/** Refusals of log drivers and the readers of option values that make them, with the words of Go's standard library. */
import { fail, messageOf, type EngineError } from '#base/errors/failure.ts';
import { parseGoBoolean } from '#base/go-boolean.ts';
import { parseGoDuration } from '#base/go-duration.ts';
import { quoteText } from '#base/template/go-quote.ts';

export function refuse(message: string): EngineError {
  return fail('logging.driver_refused', { message });
}

/** The options that every driver with attributes takes. */
const attributeOptions: ReadonlySet<string> = new Set(['env', 'env-regex', 'labels', 'labels-regex', 'tag']);

/** @param words Docker's, which differ from driver to driver */
export function refuseUnknown(options: Readonly<Record<string, string>>, known: ReadonlySet<string>, words: (name: string) => string): void {
  const unknown = Object.keys(options).find((name) => !attributeOptions.has(name) && !known.has(name));
  if (unknown !== undefined) throw refuse(words(unknown));
}

export function readBoolean(text: string): boolean {
  const value = parseGoBoolean(text);
  if (value === undefined) throw refuse(`strconv.ParseBool: parsing ${quoteText(text)}: invalid syntax`);
  return value;
}

/** Nanoseconds. */
export function readDuration(text: string): bigint {
  const value = parseGoDuration(text);
  if (value === undefined) throw refuse(`time: invalid duration ${quoteText(text)}`);
  return value;
}

/** Undefined where Go's `strconv.Atoi` fails. */
export function readInteger(text: string): number | undefined {
  return /^[+-]?\d+$/.test(text) ? Number(text) : undefined;
}

/** Runs a reader that fails with another domain's error, as a refusal. */
export function refusing<T>(read: () => T, prefix = ''): T {
  try {
    return read();
  } catch (error) {
    throw refuse(`${prefix}${messageOf(error)}`);
  }
}
