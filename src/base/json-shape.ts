/**
 * Declarative decoding of JSON documents into typed values, with the rules and error texts of Go's
 * `encoding/json` (as of Go 1.27) for Docker's structs: zero values for what is absent or null, keys
 * matched whatever their case, unknown keys ignored, the first mismatch reported with its place.
 */
import { JsonNumber, type JsonDocument } from './json-document.ts';
import { timeFault } from './moment-fault.ts';

/** How one Go type is read. */
export interface Shape<T> {
  readonly goType: string;
  readonly zero: () => T;
  /** @param value never null: Go leaves the zero value then */
  readonly read: (value: Exclude<JsonDocument, null>) => T;
}

/** A shape whose field is left out of the result when there is nothing to show, as Go's `omitempty`. */
export interface OptionalShape<T> {
  readonly optional: true;
  readonly goType: string;
  /** undefined: leave the field out */
  readonly read: (value: Exclude<JsonDocument, null>) => T | undefined;
}

/** One shape per field of T. */
export type Fields<T> = { readonly [K in keyof T]-?: object extends Pick<T, K> ? OptionalShape<Exclude<T[K], undefined>> : Shape<T[K]> };

/** What a document has that its shape does not take; the message is Go's. */
export class ShapeFault extends Error {
  override readonly name = 'ShapeFault';
}

/** Reads a document. `structName` is Go's name of the type without its package; Docker's create request shows none. @throws ShapeFault */
export function readShape<T>(shape: Shape<T>, document: JsonDocument, structName: string): T {
  try {
    return readOrZero(shape, document);
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    throw new ShapeFault(error.describe(structName), { cause: error });
  }
}

/** A value of the wrong sort; the path grows while it is passed up. */
class Mismatch extends Error {
  readonly #found: string;
  readonly #goType: string;
  readonly #path: string[] = [];
  #placed: boolean;
  #inList = false;

  /** @param placed false for what a type's own decoder reports: Go gives no place there */
  constructor(found: string, goType: string, placed = true) {
    super(`cannot unmarshal ${found} into ${goType}`);
    this.#found = found;
    this.#goType = goType;
    this.#placed = placed;
  }

  at(step: string | number): this {
    if (this.#path.length === 0) this.#inList = typeof step === 'number';
    this.#path.unshift(String(step).replaceAll('~', '~0').replaceAll('/', '~1'));
    return this;
  }

  describe(structName: string): string {
    let target = 'Go value';
    if (this.#placed && this.#path.length > 0) target = `${this.#inList ? '' : 'Go struct field '}${structName}.${this.#path.join('.')}`;
    return `json: cannot unmarshal ${this.#found} into ${target} of type ${this.#goType}`;
  }
}

function placed(error: unknown, step: string | number): unknown {
  return error instanceof Mismatch ? error.at(step) : error;
}

function sortOf(value: Exclude<JsonDocument, null>): string {
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  if (value instanceof JsonNumber) return 'number';
  return isObject(value) ? 'object' : 'array';
}

function isObject(value: JsonDocument): value is ReadonlyMap<string, JsonDocument> {
  return value instanceof Map;
}

function isList(value: JsonDocument): value is readonly JsonDocument[] {
  return Array.isArray(value);
}

function readOrZero<T>(shape: Shape<T>, value: JsonDocument): T {
  return value === null ? shape.zero() : shape.read(value);
}

/** A string, or a named type of strings; `T` narrows it for the type checker only, Docker checks such values later. */
export function text<T extends string = string>(goType = 'string'): Shape<T> {
  return {
    goType,
    zero: () => '' as T,
    read: (value) => {
      if (typeof value !== 'string') throw new Mismatch(sortOf(value), goType);
      return value as T;
    },
  };
}

export const flag: Shape<boolean> = {
  goType: 'bool',
  zero: () => false,
  read: (value) => {
    if (typeof value !== 'boolean') throw new Mismatch(sortOf(value), 'bool');
    return value;
  },
};

/** A moment in RFC 3339, as it is written. Go tells no place of one that is none. */
export const moment: Shape<string> = {
  goType: 'time.Time',
  zero: () => '',
  read: (value) => {
    if (typeof value !== 'string') throw new Mismatch(sortOf(value), 'time.Time');
    const fault = timeFault(value);
    if (fault !== undefined) throw new ShapeFault(fault);
    return value;
  },
};

/** A whole number between the bounds. Beyond 2^53 it is rounded. */
function integer(goType: string, minimum: bigint, maximum: bigint): Shape<number> {
  return {
    goType,
    zero: () => 0,
    read: (value) => {
      if (!(value instanceof JsonNumber)) throw new Mismatch(sortOf(value), goType);
      if (!/^-?\d+$/.test(value.text)) throw new Mismatch(`number ${value.text}`, goType);
      const number = Number(value.text);
      // Only numbers that doubles cannot hold exactly need the exact comparison.
      const exact = Number.isSafeInteger(number) ? BigInt(number) : BigInt(value.text);
      if (exact < minimum || exact > maximum) throw new Mismatch(`number ${value.text}`, goType);
      return number === 0 ? 0 : number;
    },
  };
}

export const int64 = (goType = 'int64'): Shape<number> => integer(goType, -(2n ** 63n), 2n ** 63n - 1n);
export const uint64 = (goType = 'uint64'): Shape<number> => integer(goType, 0n, 2n ** 64n - 1n);
export const uint32 = (goType = 'uint32'): Shape<number> => integer(goType, 0n, 2n ** 32n - 1n);
export const uint16 = (goType = 'uint16'): Shape<number> => integer(goType, 0n, 2n ** 16n - 1n);

/** A slice: null where absent. */
export function list<T>(element: Shape<T>, goType = `[]${element.goType}`): Shape<T[] | null> {
  return {
    goType,
    zero: () => null,
    read: (value) => {
      if (!isList(value)) throw new Mismatch(sortOf(value), goType);
      return value.map((item, index) => {
        try {
          return readOrZero(element, item);
        } catch (error) {
          throw placed(error, index);
        }
      });
    },
  };
}

/** An array of two: what is missing is zero, what is too much is dropped. */
export function pair<T>(element: Shape<T>): Shape<[T, T]> {
  const items = list(element, `[2]${element.goType}`);
  return {
    goType: items.goType,
    zero: () => [element.zero(), element.zero()],
    read: (value) => {
      const [first = element.zero(), second = element.zero()] = items.read(value) ?? [];
      return [first, second];
    },
  };
}

/** A map: null where absent. */
export function record<T>(element: Shape<T>, goType = `map[string]${element.goType}`): Shape<Record<string, T> | null> {
  return {
    goType,
    zero: () => null,
    read: (value) => {
      if (!isObject(value)) throw new Mismatch(sortOf(value), goType);
      const entries: [string, T][] = [];
      for (const [key, item] of value) {
        try {
          entries.push([key, readOrZero(element, item)]);
        } catch (error) {
          throw placed(error, key);
        }
      }
      // Not by assignment: a key may be `__proto__`.
      return Object.fromEntries(entries);
    },
  };
}

/** Go's `struct{}`: an object whose content does not matter. */
export const emptyStruct: Shape<Record<string, never>> = {
  goType: 'struct {}',
  zero: () => ({}),
  read: (value) => {
    if (!isObject(value)) throw new Mismatch(sortOf(value), 'struct {}');
    return {};
  },
};

/** Docker's `strslice.StrSlice`: a list of strings, or one string for a list of one. */
export const stringOrList: Shape<string[] | null> = {
  goType: 'strslice.StrSlice',
  zero: () => null,
  read: (value) => {
    if (typeof value === 'string') return [value];
    if (isList(value) && value.every((item) => item === null || typeof item === 'string')) return value.map((item) => (typeof item === 'string' ? item : ''));
    throw new Mismatch(sortOf(value), 'string', false);
  },
};

/** A pointer to a struct or scalar: null where absent. */
export function pointer<T>(target: Shape<T>): Shape<T | null> {
  return { goType: target.goType, zero: () => null, read: target.read };
}

/** What is never null for those who read the result: empty where absent. */
export function orElse<T>(shape: Shape<T | null>, fallback: () => T): Shape<T> {
  return { goType: shape.goType, zero: fallback, read: (value) => shape.read(value) ?? fallback() };
}

/** A pointer with `omitempty`: left out only where absent or null. */
export function whenGiven<T>(shape: Shape<T>): OptionalShape<T> {
  return { optional: true, goType: shape.goType, read: shape.read };
}

/** A value with `omitempty`: left out where it is empty. */
export function unlessEmpty<T>(shape: Shape<T | null>): OptionalShape<T> {
  return {
    optional: true,
    goType: shape.goType,
    read: (value) => {
      const result = shape.read(value);
      return result === null || isEmpty(result) ? undefined : result;
    },
  };
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === '' || value === 0 || value === false;
}

/** A struct. Fields come out in the order they are declared. */
export function struct<T extends object>(goType: string, fields: Fields<T>): Shape<T> {
  // Fields<T> has a shape of the right type for every field of T, which the compiler cannot follow through a table.
  return table(goType, fields) as Shape<object> as Shape<T>;
}

/** A struct whose fields are known only when it runs. */
export function table(goType: string, fields: Readonly<Record<string, Shape<unknown> | OptionalShape<unknown>>>): Shape<Record<string, unknown>> {
  const declared = Object.entries(fields);
  const places = new Map(declared.map(([name], place) => [name.toLowerCase(), place]));
  const build = (values: readonly unknown[], given: ReadonlySet<number>): Record<string, unknown> => {
    const result: Record<string, unknown> = {};
    for (const [place, [name, shape]] of declared.entries()) {
      if ('optional' in shape) {
        if (values[place] !== undefined) result[name] = values[place];
      } else {
        result[name] = given.has(place) ? values[place] : shape.zero();
      }
    }
    return result;
  };
  const none: ReadonlySet<number> = new Set();
  return {
    goType,
    zero: () => build([], none),
    read: (value) => {
      if (!isObject(value)) throw new Mismatch(sortOf(value), goType);
      const values: unknown[] = [];
      const given = new Set<number>();
      for (const [key, item] of value) {
        const place = places.get(key.toLowerCase());
        const [name, shape] = place === undefined ? [] : (declared[place] ?? []);
        // Null leaves a field as it is, and sets a pointer, slice or map to nil, which is its zero value.
        if (place === undefined || name === undefined || shape === undefined) continue;
        try {
          if (item !== null) values[place] = shape.read(item);
          else if (!given.has(place)) continue;
          else if (!('optional' in shape) && shape.zero() === null) values[place] = null;
        } catch (error) {
          throw placed(error, key);
        }
        given.add(place);
      }
      return build(values, given);
    },
  };
}

/** Whether an object has any of the fields of `shape`: Go makes an embedded pointer only then. */
export function hasField(document: JsonDocument, fields: object): boolean {
  if (!isObject(document)) return false;
  const names = new Set(Object.keys(fields).map((name) => name.toLowerCase()));
  return [...document.keys()].some((key) => names.has(key.toLowerCase()));
}
