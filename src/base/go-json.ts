/**
 * Reads JSON as Go's `encoding/json` does: the first document of a text, with Go's words for what is wrong. Numbers keep
 * their digits. Depth is bounded, not by the stack but by Go's own limit.
 */
import { JsonNumber, type JsonDocument } from './json-document.ts';
import { quoteRune } from './template/go-quote.ts';

/** What a text has that is no JSON; the message is Go's. */
export class GoJsonFault extends Error {
  override readonly name = 'GoJsonFault';
}

const depthLimit = 10_000;

/**
 * The first document, and what follows it after white space: undefined at the end of the text. Undefined when there is
 * nothing but white space. @throws GoJsonFault
 */
export function readFirstDocument(text: string): { readonly document: JsonDocument; readonly next: string | undefined } | undefined {
  const reader = new Reader(text);
  return reader.peek() === undefined ? undefined : { document: reader.document(), next: reader.peek() };
}

/**
 * What is wrong with a text, undefined if nothing: for Go's `json.Unmarshal`, or for a `json.Decoder`, which looks at the
 * first document alone.
 */
export function goJsonFault(text: string, by: 'unmarshal' | 'decoder'): string | undefined {
  try {
    const read = readFirstDocument(text);
    if (read === undefined) return by === 'decoder' ? 'EOF' : unexpectedEnd;
    if (by === 'decoder' || read.next === undefined) return undefined;
    return `invalid character ${quoteRune(read.next.codePointAt(0) ?? 0)} after top-level value`;
  } catch (error) {
    if (!(error instanceof GoJsonFault)) throw error;
    return by === 'unmarshal' && error.message === unexpectedEof ? unexpectedEnd : error.message;
  }
}

const unexpectedEof = 'unexpected EOF';
const unexpectedEnd = 'unexpected end of JSON input';

type Container =
  | { readonly items: JsonDocument[]; readonly members?: never }
  | { readonly items?: never; readonly members: Map<string, JsonDocument>; key: string };

const escapes: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
const words: Readonly<Record<string, readonly [string, JsonDocument]>> = { t: ['true', true], f: ['false', false], n: ['null', null] };

class Reader {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next character after white space, not taken. */
  peek(): string | undefined {
    for (;;) {
      const code = this.#text.charCodeAt(this.#position);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) break;
      this.#position++;
    }
    return this.#text[this.#position];
  }

  document(): JsonDocument {
    const open: Container[] = [];
    for (;;) {
      let value: JsonDocument;
      const first = this.#peekOrFail();
      if (open.length >= depthLimit && (first === '{' || first === '[')) throw new GoJsonFault('exceeded max depth');
      if (first === '{') {
        this.#position++;
        if (this.#peekOrFail() !== '}') {
          open.push({ members: new Map(), key: this.#key() });
          continue;
        }
        this.#position++;
        value = new Map();
      } else if (first === '[') {
        this.#position++;
        if (this.#peekOrFail() !== ']') {
          open.push({ items: [] });
          continue;
        }
        this.#position++;
        value = [];
      } else {
        value = this.#scalar(first);
      }
      for (;;) {
        const container = open.at(-1);
        if (container === undefined) return value;
        const mark = this.#peekOrFail();
        if (container.members === undefined) {
          container.items.push(value);
          if (mark !== ',' && mark !== ']') throw this.#unexpected('after array element');
        } else {
          container.members.set(container.key, value);
          if (mark !== ',' && mark !== '}') throw this.#unexpected('after object key:value pair');
        }
        this.#position++;
        if (mark === ',') {
          if (container.members !== undefined) container.key = this.#key();
          break;
        }
        value = container.members ?? container.items;
        open.pop();
      }
    }
  }

  #unexpected(where: string): GoJsonFault {
    const code = this.#text.codePointAt(this.#position);
    if (code === undefined) return new GoJsonFault(unexpectedEof);
    return new GoJsonFault(`invalid character ${quoteRune(code)} ${where}`);
  }

  #peekOrFail(): string {
    const next = this.peek();
    if (next === undefined) throw new GoJsonFault(unexpectedEof);
    return next;
  }

  #key(): string {
    if (this.#peekOrFail() !== '"') throw this.#unexpected('looking for beginning of object key string');
    const key = this.#string();
    if (this.#peekOrFail() !== ':') throw this.#unexpected('after object key');
    this.#position++;
    return key;
  }

  #scalar(first: string): JsonDocument {
    if (first === '"') return this.#string();
    if (first === '-' || (first >= '0' && first <= '9')) return this.#number();
    const word = words[first];
    if (word === undefined) throw this.#unexpected('looking for beginning of value');
    const [spelling, value] = word;
    for (const letter of spelling) {
      if (this.#text[this.#position] !== letter) throw this.#unexpected(`in literal ${spelling} (expecting '${letter}')`);
      this.#position++;
    }
    return value;
  }

  #number(): JsonNumber {
    const start = this.#position;
    if (this.#text[this.#position] === '-') this.#position++;
    if (this.#text[this.#position] === '0') this.#position++;
    else this.#digits();
    if (this.#text[this.#position] === '.') {
      this.#position++;
      this.#digits();
    }
    const exponent = this.#text[this.#position];
    if (exponent === 'e' || exponent === 'E') {
      this.#position++;
      const sign = this.#text[this.#position];
      if (sign === '+' || sign === '-') this.#position++;
      this.#digits();
    }
    return new JsonNumber(this.#text.slice(start, this.#position));
  }

  #digits(): void {
    const start = this.#position;
    for (;;) {
      const code = this.#text.charCodeAt(this.#position);
      if (!(code >= 0x30 && code <= 0x39)) break;
      this.#position++;
    }
    if (this.#position === start) throw this.#unexpected('in numeric literal');
  }

  #string(): string {
    this.#position++;
    let start = this.#position;
    let value = '';
    for (;;) {
      const code = this.#text.charCodeAt(this.#position);
      if (Number.isNaN(code)) throw new GoJsonFault(unexpectedEof);
      if (code === 0x22) {
        value += this.#text.slice(start, this.#position);
        this.#position++;
        return value.toWellFormed();
      }
      if (code < 0x20) throw this.#unexpected('in string');
      if (code !== 0x5c) {
        this.#position++;
        continue;
      }
      value += this.#text.slice(start, this.#position) + this.#escape();
      start = this.#position;
    }
  }

  #escape(): string {
    const letter = this.#text[this.#position + 1];
    if (letter === undefined) throw new GoJsonFault(unexpectedEof);
    const plain = escapes[letter];
    if (plain !== undefined) {
      this.#position += 2;
      return plain;
    }
    if (letter !== 'u') throw new GoJsonFault(`invalid escape sequence \`\\${letter}\` in string`);
    const digits = this.#text.slice(this.#position + 2, this.#position + 6);
    if (!/^[0-9a-fA-F]*$/.test(digits)) throw new GoJsonFault(`invalid escape sequence \`\\u${digits}\` in string`);
    if (digits.length < 4) throw new GoJsonFault(unexpectedEof);
    this.#position += 6;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }
}
