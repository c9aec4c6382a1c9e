/**
 * Types of Go values as templates see them: a kind, a printed name, what they are made of and the
 * methods a template may call. Tables of API types are built from these constructors; two types
 * are the same when their names are.
 */
import type { GoValue } from './go-value.ts';

export type SignedKind = 'int' | 'int8' | 'int16' | 'int32' | 'int64';
export type UnsignedKind = 'uint' | 'uint8' | 'uint16' | 'uint32' | 'uint64';
export type ScalarKind = 'bool' | 'string' | 'float32' | 'float64' | 'complex128' | SignedKind | UnsignedKind;

/** What is called: the parameters' types, whether the last repeats, and the result. */
export interface GoSignature {
  readonly parameters: readonly GoType[];
  readonly variadic: boolean;
  readonly result: GoType;
}

/** A method. `undefined` is the invalid value, as a nil interface gives. It throws an `Error` where Go's would fail. */
export interface GoMethod extends GoSignature {
  readonly call: (receiver: GoValue, parameters: readonly (GoValue | undefined)[]) => GoValue | undefined;
}

interface Common {
  /** As Go's reflection prints it: `container.State`, `[]string`, `map[string]interface {}`. */
  readonly name: string;
  /** The name of the type it is defined from; its own for type literals. */
  readonly underlying: string;
  /** Whether the type has a name of its own, as opposed to a literal such as `[]string`. */
  readonly defined: boolean;
  readonly methods: Readonly<Record<string, GoMethod>>;
  /** Replaces the encoding to JSON. */
  readonly marshal?: (value: GoValue) => string;
}

/** A field of a struct. `jsonName` empty: not encoded. */
export interface GoField {
  readonly name: string;
  readonly type: GoType;
  readonly jsonName: string;
  readonly omitEmpty: boolean;
  readonly embedded: boolean;
}

export interface ScalarType extends Common { readonly kind: ScalarKind }
export interface SliceType extends Common { readonly kind: 'slice'; readonly element: GoType }
export interface ArrayType extends Common { readonly kind: 'array'; readonly element: GoType; readonly length: number }
export interface MapType extends Common { readonly kind: 'map'; readonly key: GoType; readonly element: GoType }
export interface StructType extends Common { readonly kind: 'struct'; readonly fields: readonly GoField[] }
export interface PointerType extends Common { readonly kind: 'pointer'; readonly element: GoType }
export interface InterfaceType extends Common { readonly kind: 'interface'; readonly required: readonly string[] }
export interface FunctionType extends Common, GoSignature { readonly kind: 'func' }

export type GoType = ScalarType | SliceType | ArrayType | MapType | StructType | PointerType | InterfaceType | FunctionType;

const none: Readonly<Record<string, GoMethod>> = {};

function scalar(kind: ScalarKind): ScalarType {
  return { kind, name: kind, underlying: kind, defined: true, methods: none };
}

export const boolType = scalar('bool');
export const stringType = scalar('string');
export const intType = scalar('int');
export const int64Type = scalar('int64');
export const uint8Type = scalar('uint8');
export const uint16Type = scalar('uint16');
export const uint32Type = scalar('uint32');
export const uint64Type = scalar('uint64');
export const float64Type = scalar('float64');
export const complexType = scalar('complex128');

function literal(name: string): Omit<Common, 'marshal'> {
  return { name, underlying: name, defined: false, methods: none };
}

export const anyType: InterfaceType = { ...literal('interface {}'), kind: 'interface', required: [] };

/** A parameter of this type takes whatever there is, even nothing: Go's `reflect.Value`. */
export const reflectType: InterfaceType = { ...literal('reflect.Value'), kind: 'interface', required: [] };

export function sliceOf(element: GoType): SliceType {
  return { ...literal(`[]${element.name}`), kind: 'slice', element };
}

export function arrayOf(length: number, element: GoType): ArrayType {
  return { ...literal(`[${length}]${element.name}`), kind: 'array', element, length };
}

export function mapOf(key: GoType, element: GoType): MapType {
  return { ...literal(`map[${key.name}]${element.name}`), kind: 'map', key, element };
}

export function pointerTo(element: GoType): PointerType {
  return { ...literal(`*${element.name}`), kind: 'pointer', element };
}

/** A defined type: `named('container.NetworkMode', stringType)`. */
export function named<T extends GoType>(name: string, base: T, methods: Readonly<Record<string, GoMethod>> = none): T {
  return { ...base, name, underlying: base.underlying, defined: true, methods };
}

/** Name, type and the `json` tag as Go writes it: `['MacAddress', stringType, ',omitempty']`. */
export type FieldSpec = readonly [name: string, type: GoType, tag?: string];

/** A struct. An empty name makes a literal, `struct {…}`; a field whose name begins with `&` is embedded. */
export function structOf(
  name: string,
  specs: readonly FieldSpec[],
  methods: Readonly<Record<string, GoMethod>> = none,
): StructType {
  const fields = specs.map(fieldOf);
  const members = fields.map((field) => `${field.name} ${field.type.name}`).join('; ');
  const underlying = members === '' ? 'struct {}' : `struct { ${members} }`;
  return { kind: 'struct', name: name === '' ? underlying : name, underlying, defined: name !== '', methods, fields };
}

function fieldOf([spelled, type, tag = '']: FieldSpec): GoField {
  const embedded = spelled.startsWith('&');
  const name = embedded ? spelled.slice(1) : spelled;
  const [jsonName = '', ...options] = tag.split(',');
  const exported = /^\p{Lu}/u.test(name);
  return {
    name,
    type,
    jsonName: tag === '-' || !exported ? '' : jsonName === '' ? name : jsonName,
    omitEmpty: options.includes('omitempty'),
    embedded: embedded && jsonName === '',
  };
}

export function isSigned(kind: string): kind is SignedKind {
  return kind === 'int' || kind === 'int64' || kind === 'int32' || kind === 'int16' || kind === 'int8';
}

export function isUnsigned(kind: string): kind is UnsignedKind {
  return kind === 'uint' || kind === 'uint64' || kind === 'uint32' || kind === 'uint16' || kind === 'uint8';
}

/** A method of a type, its embedded fields' included. */
export function methodOf(type: GoType, name: string): GoMethod | undefined {
  const own = Object.hasOwn(type.methods, name) ? type.methods[name] : undefined;
  if (own !== undefined || type.kind !== 'pointer') return own;
  return Object.hasOwn(type.element.methods, name) ? type.element.methods[name] : undefined;
}

/** Go's rule for `target = value`. */
export function isAssignable(from: GoType, to: GoType): boolean {
  if (from.name === to.name) return true;
  if (to.kind === 'interface') return to.required.every((method) => methodOf(from, method) !== undefined);
  return from.underlying === to.underlying && !(from.defined && to.defined);
}
