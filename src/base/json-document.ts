/**
 * JSON documents as they were written: numbers keep their digits and objects the order of their
 * keys. For what JSON.parse would round or reorder.
 */
import { fail } from './errors/failure.ts';

/** A number, in the document's spelling. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type JsonObject = ReadonlyMap<string, JsonDocument>;
export type JsonDocument = null | boolean | string | JsonNumber | readonly JsonDocument[] | JsonObject;

const token = /[ \t\r\n]*(?:("(?:[^"\\\u0000-\u001f]|\\.)*")|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)|(true|false|null)|([{}[\]:,]))/y;

/** @throws api.invalid_parameter if it is no JSON document */
export function parseJsonDocument(text: string): JsonDocument {
  const reader = new Reader(text);
  const document = reader.value(reader.next());
  if (text.slice(reader.position).trim() !== '') reader.refuse();
  return document;
}

class Reader {
  readonly #text: string;
  position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  refuse(): never {
    const character = this.#text.slice(this.position).trimStart()[0];
    const message = character === undefined ? 'unexpected end of JSON input' : `invalid character '${character}' in JSON document`;
    throw fail('api.invalid_parameter', { message });
  }

  next(): string {
    token.lastIndex = this.position;
    const [, string, number, word, mark] = token.exec(this.#text) ?? [];
    const found = string ?? number ?? word ?? mark ?? this.refuse();
    this.position = token.lastIndex;
    return found;
  }

  value(first: string): JsonDocument {
    switch (first) {
      case '{': return this.#object();
      case '[': return this.#array();
      case 'true': return true;
      case 'false': return false;
      case 'null': return null;
      default:
        if (first.startsWith('"')) return this.#string(first);
        return /^[-0-9]/.test(first) ? new JsonNumber(first) : this.refuse();
    }
  }

  #string(literal: string): string {
    const value: unknown = JSON.parse(literal);
    return typeof value === 'string' ? value : this.refuse();
  }

  #object(): JsonObject {
    const entries = new Map<string, JsonDocument>();
    let key = this.next();
    while (key !== '}') {
      if (!key.startsWith('"') || this.next() !== ':') this.refuse();
      entries.set(this.#string(key), this.value(this.next()));
      const mark = this.next();
      if (mark === '}') break;
      if (mark !== ',') this.refuse();
      key = this.next();
    }
    return entries;
  }

  #array(): JsonDocument[] {
    const values: JsonDocument[] = [];
    let first = this.next();
    while (first !== ']') {
      values.push(this.value(first));
      const mark = this.next();
      if (mark === ']') break;
      if (mark !== ',') this.refuse();
      first = this.next();
    }
    return values;
  }
}

const part = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/g;

/** The same document with each element on a line of its own: Go's `json.Indent`. Spellings stay as they are. */
export function indentJson(text: string, indent: string): string {
  const out: string[] = [];
  let depth = 0;
  let opened = false;
  for (const [found] of text.matchAll(part)) {
    const closes = found === '}' || found === ']';
    if (closes) depth--;
    // An empty object or array stays on its line.
    if (opened !== closes) out.push(`\n${indent.repeat(depth)}`);
    opened = found === '{' || found === '[';
    if (opened) depth++;
    out.push(found === ':' ? ': ' : found);
    if (found === ',') out.push(`\n${indent.repeat(depth)}`);
  }
  return out.join('');
}

/** The same document without white space: Go's `json.Compact`. */
export function compactJson(text: string): string {
  return Array.from(text.matchAll(part), ([found]) => found).join('');
}
