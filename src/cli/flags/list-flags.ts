/** Flags that may be given several times and gather their values. */
import { parseCsvRecord } from '#base/csv-record.ts';
import type { Flag, FlagOptions } from '#cli/flag.ts';

/** Checks one value and gives it back, perhaps normalised; throws an Error whose message goes to the user. */
export type Validator = (text: string) => string;

/** Docker's `list`. */
export function listFlag(options: FlagOptions & { validate?: Validator; type?: string; shownDefault?: string }): Flag<readonly string[]> {
  const { validate, type = 'list', ...rest } = options;
  return { ...rest, type, initial: [], add: (current, text) => [...current, validate === undefined ? text : validate(text)] };
}

/** Docker's `map`: later values of a key replace earlier ones. */
export function mapFlag(options: FlagOptions & { validate?: Validator; shownDefault?: string }): Flag<ReadonlyMap<string, string>> {
  const { validate, ...rest } = options;
  return {
    shownDefault: 'map[]',
    ...rest,
    type: 'map',
    initial: new Map(),
    add: (current, text) => {
      const value = validate === undefined ? text : validate(text);
      const cut = value.indexOf('=');
      return new Map([...current, cut < 0 ? [value, ''] : [value.slice(0, cut), value.slice(cut + 1)]]);
    },
  };
}

/** Docker's `filter`: `name=value`, names lower-cased, every value once. */
export function filterFlag(options: FlagOptions): Flag<Readonly<Record<string, readonly string[]>>> {
  return {
    ...options,
    type: 'filter',
    initial: {},
    add: (current, text) => {
      if (text === '') return current;
      const cut = text.indexOf('=');
      if (cut < 0) throw new Error('bad format of filter (expected name=value)');
      const name = text.slice(0, cut).trim().toLowerCase();
      const value = text.slice(cut + 1).trim();
      const values = current[name] ?? [];
      return { ...current, [name]: values.includes(value) ? values : [...values, value] };
    },
  };
}

/** pflag's `strings`: comma-separated values, gathered over several uses. */
export function textsFlag(options: FlagOptions): Flag<readonly string[]> {
  return { ...options, type: 'strings', initial: [], add: (current, text) => [...current, ...(text === '' ? [] : parseCsvRecord(text))] };
}
