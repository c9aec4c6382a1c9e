/** Go's encoding/json for values of templates: writing them, and reading documents into a type. */
import { JsonNumber, type JsonDocument, type JsonObject } from '../json-document.ts';
import { goTime, parseMoment, timeType } from './go-time.ts';
import {
  anyType, boolType, float64Type, mapOf, named, sliceOf, stringType, isSigned, isUnsigned, type GoField, type GoType, type StructType,
} from './go-type.ts';
import { refuse } from './template-function.ts';
import { boxed, elementsOf, sortedEntries, targetOf, textOf, truthOf, zeroOf, type GoValue } from './go-value.ts';

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"', '\\': '\\\\', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\u2028': '\\u2028', '\u2029': '\\u2029',
};

/** A string in Go's JSON; `escapeHtml` also hides `<`, `>` and `&`. */
export function encodeText(text: string, escapeHtml: boolean): string {
  const pattern = escapeHtml ? /["\\\u0000-\u001f\u2028\u2029<>&]/g : /["\\\u0000-\u001f\u2028\u2029]/g;
  const escaped = text.replace(pattern, (character) => (
    escapes[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`));
  // A byte that is no UTF-8 comes out as an escape, not as the character.
  return `"${escaped.replace(/\p{Cs}/gu, '\\ufffd')}"`;
}

/** Go's `json.Marshal`; with `escapeHtml` false, as an encoder that was told not to escape. */
export function encodeJson(value: GoValue | undefined, escapeHtml = true): string {
  if (value === undefined) return 'null';
  const { type } = value;
  if (type.marshal !== undefined) return type.marshal(value);
  if (type.kind === 'pointer' || type.kind === 'interface') return encodeJson(targetOf(value), escapeHtml);
  if (value.data === null) return 'null';
  switch (type.kind) {
    case 'string': return encodeText(textOf(value), escapeHtml);
    case 'slice':
    case 'array': return `[${elementsOf(value).map((element) => encodeJson(element, escapeHtml)).join(',')}]`;
    case 'map': return `{${sortedEntries(value).map(([key, element]) => (
      `${encodeText(String(key.data), escapeHtml)}:${encodeJson(element, escapeHtml)}`)).join(',')}}`;
    case 'struct': return `{${[...structMembers(value)].map(([name, member]) => (
      `${encodeText(name, escapeHtml)}:${encodeJson(member, escapeHtml)}`)).join(',')}}`;
    case 'complex128':
    case 'func': return refuse(`json: unsupported type: ${type.name}`);
    default: return String(value.data);
  }
}

function isEmpty(value: GoValue): boolean {
  return value.type.kind === 'struct' ? false : !truthOf(value);
}

/** The members of a struct with those of embedded structs in their place; the shallowest of one name counts. */
function structMembers(value: GoValue): Map<string, GoValue> {
  const found: { name: string; depth: number; member: GoValue }[] = [];
  const collect = (struct: GoValue, depth: number): void => {
    const values = elementsOf(struct);
    for (const [at, field] of (struct.type as StructType).fields.entries()) {
      const member = values[at];
      if (member === undefined || field.jsonName === '') continue;
      const inner = field.embedded && member.type.kind === 'pointer' ? targetOf(member) : member;
      if (field.embedded && inner?.type.kind === 'struct' && inner.type.marshal === undefined) collect(inner, depth + 1);
      else if (inner !== undefined && !(field.omitEmpty && isEmpty(member))) found.push({ name: field.jsonName, depth, member });
    }
  };
  collect(value, 0);
  const shallowest = new Map<string, number>();
  for (const { name, depth } of found) shallowest.set(name, Math.min(depth, shallowest.get(name) ?? depth));
  return new Map(found.filter(({ name, depth }) => shallowest.get(name) === depth).map(({ name, member }) => [name, member]));
}

/** A number as its document spells it: Go's `json.Number`. */
export const jsonNumberType = { ...named('json.Number', stringType), marshal: ({ data }: GoValue) => String(data) };

const anyMap = mapOf(stringType, anyType);
const anySlice = sliceOf(anyType);

/** A document as Go reads it into `interface {}`; numbers keep their spelling where `keepNumbers`. */
export function decodeAny(document: JsonDocument, keepNumbers: boolean): GoValue | undefined {
  if (document === null) return undefined;
  if (typeof document === 'boolean') return { type: boolType, data: document };
  if (typeof document === 'string') return { type: stringType, data: document };
  if (document instanceof JsonNumber) {
    return keepNumbers ? { type: jsonNumberType, data: document.text } : { type: float64Type, data: Number(document.text) };
  }
  if (isObject(document)) {
    const entries = [...document].map(([key, member]) => [key, boxed(decodeAny(member, keepNumbers))] as const);
    return { type: anyMap, data: new Map(entries) };
  }
  return { type: anySlice, data: document.map((element) => boxed(decodeAny(element, keepNumbers))) };
}

function isObject(document: JsonDocument): document is JsonObject {
  return document instanceof Map;
}

/** A document read into a type; what does not fit is left at zero. */
export function decodeJson(type: GoType, document: JsonDocument | undefined): GoValue {
  if (document === null || document === undefined) return type === timeType ? goTime() : zeroWithTimes(type);
  if (type === timeType) return goTime(typeof document === 'string' ? parseMoment(document) : undefined);
  switch (type.kind) {
    case 'pointer': return { type, data: decodeJson(type.element, document) };
    case 'interface': return { type, data: decodeAny(document, false) ?? null };
    case 'bool': return typeof document === 'boolean' ? { type, data: document } : zeroOf(type);
    case 'string': return { type, data: typeof document === 'string' ? document : document instanceof JsonNumber ? document.text : '' };
    case 'slice':
    case 'array': return Array.isArray(document)
      ? { type, data: (document as readonly JsonDocument[]).map((element) => decodeJson(type.element, element)) } : zeroOf(type);
    case 'map': {
      if (!isObject(document)) return zeroOf(type);
      const integerKeys = isSigned(type.key.kind) || isUnsigned(type.key.kind);
      return { type, data: new Map([...document].map(([key, member]) => [integerKeys ? BigInt(key) : key, decodeJson(type.element, member)])) };
    }
    case 'struct': return isObject(document) ? decodeStruct(type, document) : zeroWithTimes(type);
    case 'float32':
    case 'float64': return { type, data: document instanceof JsonNumber ? Number(document.text) : 0 };
    case 'func':
    case 'complex128': return zeroOf(type);
    default: return { type, data: document instanceof JsonNumber ? integerFrom(document.text) : 0n };
  }
}

function integerFrom(text: string): bigint {
  return /^-?[0-9]+$/.test(text) ? BigInt(text) : BigInt(Math.trunc(Number(text)));
}

function decodeStruct(type: StructType, document: JsonObject): GoValue {
  const folded = new Map<string, string>();
  for (const key of document.keys()) folded.set(key.toLowerCase(), key);
  const read = (field: GoField): GoValue => {
    if (field.embedded && field.type.kind === 'struct' && field.type !== timeType) return decodeStruct(field.type, document);
    if (field.embedded && field.type.kind === 'pointer' && field.type.element.kind === 'struct') {
      const { element } = field.type;
      return { type: field.type, data: hasMember(element, folded) ? decodeStruct(element, document) : null };
    }
    const key = document.has(field.jsonName) ? field.jsonName : folded.get(field.jsonName.toLowerCase());
    return decodeJson(field.type, field.jsonName === '' || key === undefined ? undefined : document.get(key));
  };
  return { type, data: type.fields.map(read) };
}

function hasMember(type: StructType, folded: ReadonlyMap<string, string>): boolean {
  return type.fields.some(({ jsonName }) => jsonName !== '' && folded.has(jsonName.toLowerCase()));
}

/** The zero value; that of a moment is an object, not a struct of nothing. */
function zeroWithTimes(type: GoType): GoValue {
  if (type === timeType) return goTime();
  if (type.kind !== 'struct') return zeroOf(type);
  return { type, data: type.fields.map((field) => zeroWithTimes(field.type)) };
}
