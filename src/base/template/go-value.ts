/**
 * Values of Go types. Integers are bigints; slices, arrays and structs hold their elements in
 * order; null is Go's nil. The invalid value (no value at all) is `undefined`.
 */
import { invariant } from '../errors/failure.ts';
import {
  anyType, boolType, complexType, float64Type, intType, isSigned, isUnsigned, stringType,
  type FunctionType, type GoType, type MapType, type SliceType, type StructType,
} from './go-type.ts';

export interface Complex {
  readonly real: number;
  readonly imaginary: number;
}

/** An object of the program behind a struct that has methods alone. */
export interface Opaque {
  readonly object: unknown;
}

export type GoMap = ReadonlyMap<string | bigint | number | boolean, GoValue>;
export type GoCallable = (parameters: readonly (GoValue | undefined)[]) => GoValue | undefined;

export type GoData =
  | null | boolean | bigint | number | string | Complex | readonly GoValue[] | GoMap | GoValue | GoCallable | Opaque;

export interface GoValue {
  readonly type: GoType;
  readonly data: GoData;
}

export function goString(data: string): GoValue {
  return { type: stringType, data };
}

export function goInt(data: number | bigint): GoValue {
  return { type: intType, data: BigInt(data) };
}

export function goBool(data: boolean): GoValue {
  return { type: boolType, data };
}

export function goFloat(data: number): GoValue {
  return { type: float64Type, data };
}

export function goComplex(real: number, imaginary: number): GoValue {
  return { type: complexType, data: { real, imaginary } };
}

/** Boxes a value in `interface {}`. */
export function boxed(value: GoValue | undefined): GoValue {
  return { type: anyType, data: value === undefined ? null : value.type.kind === 'interface' ? value.data : value };
}

export function textOf(value: GoValue): string {
  invariant(typeof value.data === 'string', `${value.type.name} is not a string`);
  return value.data;
}

export function integerOf(value: GoValue): bigint {
  invariant(typeof value.data === 'bigint', `${value.type.name} is not an integer`);
  return value.data;
}

export function floatOf(value: GoValue): number {
  invariant(typeof value.data === 'number', `${value.type.name} is not a float`);
  return value.data;
}

export function complexOf(value: GoValue): Complex {
  invariant(value.type.kind === 'complex128', `${value.type.name} is not complex`);
  return value.data as Complex;
}

/** The elements of a slice or an array, the fields of a struct; none for nil. */
export function elementsOf(value: GoValue): readonly GoValue[] {
  if (value.data === null) return [];
  // A struct that has methods alone shows no fields.
  return Array.isArray(value.data) ? (value.data as readonly GoValue[]) : [];
}

/** The entries of a map; none for nil. */
export function entriesOf(value: GoValue): GoMap {
  invariant(value.type.kind === 'map', `${value.type.name} is not a map`);
  return value.data === null ? new Map() : (value.data as GoMap);
}

/** What a pointer or an interface holds. */
export function targetOf(value: GoValue): GoValue | undefined {
  invariant(value.type.kind === 'pointer' || value.type.kind === 'interface', `${value.type.name} holds no value`);
  return value.data === null ? undefined : (value.data as GoValue);
}

/** The object behind a struct made by {@link opaqueValue}, through any pointers. */
export function objectOf(value: GoValue): unknown {
  let at = value;
  while (at.type.kind === 'pointer') {
    const target = targetOf(at);
    invariant(target !== undefined, `nil ${at.type.name}`);
    at = target;
  }
  return (at.data as Opaque).object;
}

/** A struct whose methods read an object of the program. */
export function opaqueValue(type: StructType, object: unknown): GoValue {
  return { type, data: { object } };
}

export function functionOf(value: GoValue): { readonly type: FunctionType; readonly call: GoCallable } {
  invariant(value.type.kind === 'func' && typeof value.data === 'function', `${value.type.name} is not a function`);
  return { type: value.type, call: value.data };
}

/** Follows pointers and interfaces to the end; `isNil` when the last of them holds nothing. */
export function indirect(value: GoValue | undefined): { readonly value: GoValue | undefined; readonly isNil: boolean } {
  let at = value;
  while (at !== undefined && (at.type.kind === 'pointer' || at.type.kind === 'interface')) {
    const target = targetOf(at);
    if (target === undefined) return { value: at, isNil: true };
    at = target;
  }
  return { value: at, isNil: false };
}

/** Forgets that a value was in an interface; nil becomes the invalid value. */
export function unboxed(value: GoValue | undefined): GoValue | undefined {
  return value?.type.kind === 'interface' ? targetOf(value) : value;
}

/** The keys and values of a map in the order Go prints and ranges them. */
export function sortedEntries(value: GoValue): readonly (readonly [GoValue, GoValue])[] {
  const type = value.type as MapType;
  const entries = [...entriesOf(value)];
  const bytewise = typeof entries[0]?.[0] === 'string';
  entries.sort(([left], [right]) => (bytewise ? compareText(String(left), String(right)) : left < right ? -1 : 1));
  return entries.map(([key, element]) => [{ type: type.key, data: key }, element] as const);
}

/** Orders as Go does, by the bytes of UTF-8: that is by code point. */
export function compareText(left: string, right: string): number {
  if (left === right) return 0;
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a === b) continue;
    // Surrogates stand for code points above all other UTF-16 units.
    const high = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);
    return high(a) - high(b);
  }
  return left.length - right.length;
}

/** Go's zero value of a type. */
export function zeroOf(type: GoType): GoValue {
  return { type, data: zeroData(type) };
}

function zeroData(type: GoType): GoData {
  switch (type.kind) {
    case 'bool': return false;
    case 'string': return '';
    case 'float32':
    case 'float64': return 0;
    case 'complex128': return { real: 0, imaginary: 0 };
    case 'struct': return type.fields.map((field) => zeroOf(field.type));
    case 'array': return Array.from({ length: type.length }, () => zeroOf(type.element));
    case 'slice':
    case 'map':
    case 'pointer':
    case 'interface':
    case 'func': return null;
    default: return 0n;
  }
}

/** Go's truth: whether a value is not empty; undefined where a type has none. */
export function truthOf(value: GoValue | undefined): boolean {
  const at = unboxed(value);
  if (at === undefined) return false;
  const { kind } = at.type;
  if (kind === 'struct') return true;
  if (kind === 'slice' || kind === 'array') return elementsOf(at).length > 0;
  if (kind === 'map') return entriesOf(at).size > 0;
  if (kind === 'complex128') return complexOf(at).real !== 0 || complexOf(at).imaginary !== 0;
  if (isSigned(kind) || isUnsigned(kind)) return integerOf(at) !== 0n;
  return Boolean(at.data);
}

/** A `[]string`-like value. */
export function goStrings(type: SliceType, texts: readonly string[] | null): GoValue {
  return { type, data: texts === null ? null : texts.map((data) => ({ type: type.element, data })) };
}
