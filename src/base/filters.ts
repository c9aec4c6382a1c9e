/** The `filters` parameter: a JSON object of name to list of values, or Docker's other form, of name to an object of value to true. */
import { fail } from './errors/failure.ts';

/** Name to values. An empty text stands for no filters. @throws api.invalid_filter */
export function parseFilters(text: string): Record<string, readonly string[]> {
  if (text === '') return {};
  const document = parse(text);
  if (document === null) return {};
  if (!isObject(document)) throw fail('api.invalid_filter');
  const entries = Object.entries(document);
  const filters = entriesOf(entries, listOf) ?? entriesOf(entries, setOf);
  if (filters === undefined) throw fail('api.invalid_filter');
  return Object.fromEntries(filters);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw fail('api.invalid_filter', {}, error);
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** All entries read in one form; undefined if any is not of that form: Docker does not mix them. */
function entriesOf(entries: readonly [string, unknown][], read: (value: unknown) => string[] | undefined): [string, string[]][] | undefined {
  const result: [string, string[]][] = [];
  for (const [name, value] of entries) {
    const values = value === null ? [] : read(value);
    if (values === undefined) return undefined;
    result.push([name, values]);
  }
  return result;
}

function listOf(value: unknown): string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items: unknown[] = value;
  const texts = items.map((item) => item ?? '').filter((item) => typeof item === 'string');
  return texts.length === items.length ? [...new Set(texts)] : undefined;
}

/** Docker counts a member whatever its boolean says. */
function setOf(value: unknown): string[] | undefined {
  if (!isObject(value)) return undefined;
  return Object.values(value).every((chosen) => chosen === null || typeof chosen === 'boolean') ? Object.keys(value) : undefined;
}
