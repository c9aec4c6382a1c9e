/** Reads untrusted JSON into typed values: every accessor fails with the path of what does not fit. */
import { fail } from '#base/errors/failure.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** @throws image.invalid_document */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw fail('image.invalid_document', { what, reason: error.message }, error);
  }
}

export function asObject(value: unknown, what: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw fail('image.invalid_document', { what, reason: 'is not an object' });
}

export function asArray(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw fail('image.invalid_document', { what, reason: 'is not an array' });
}

export function asString(value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  throw fail('image.invalid_document', { what, reason: 'is not a string' });
}

/** A whole number, not negative. */
export function asCount(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw fail('image.invalid_document', { what, reason: 'is not a whole number' });
}

/** Undefined and null are both "not given", as in Go. */
export function optional<T>(value: unknown, what: string, read: (value: unknown, what: string) => T): T | undefined {
  return value === undefined || value === null ? undefined : read(value, what);
}

export function asStrings(value: unknown, what: string): string[] {
  return asArray(value, what).map((element, index) => asString(element, `${what}[${index}]`));
}

export function asStringMap(value: unknown, what: string): Record<string, string> {
  return Object.fromEntries(Object.entries(asObject(value, what)).map(([key, element]) => [key, asString(element, `${what}.${key}`)]));
}
