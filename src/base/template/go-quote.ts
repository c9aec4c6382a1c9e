/** Go's quoted strings and characters (strconv): writing them and reading them back. */
import { bytesOfText, textOfBytes } from './go-text.ts';

// Made when first needed: its character classes take most of a millisecond, and most texts are ASCII.
let printable: RegExp | undefined;
const namedEscapes: Readonly<Record<string, string>> = {
  '\x07': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v', '\\': '\\\\',
};
const namedCharacters: Readonly<Record<string, string>> = {
  a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\',
};

/** Go's `strconv.IsPrint`. */
export function isPrintable(character: string): boolean {
  if (character.length === 1 && character < '\x7f') return character >= ' ';
  printable ??= /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
  return printable.test(character);
}

/** Go's `strconv.Quote`, or `QuoteToASCII`. */
export function quoteText(text: string, asciiOnly = false): string {
  let quoted = '"';
  for (const character of text) quoted += escapeCharacter(character, '"', asciiOnly);
  return `${quoted}"`;
}

/** Go's `strconv.QuoteRune`. */
export function quoteRune(code: number, asciiOnly = false): string {
  const valid = code >= 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return `'${escapeCharacter(String.fromCodePoint(valid ? code : 0xfffd), "'", asciiOnly)}'`;
}

function escapeCharacter(character: string, quote: string, asciiOnly: boolean): string {
  if (character === quote) return `\\${quote}`;
  const named = namedEscapes[character];
  if (named !== undefined) return named;
  const code = character.codePointAt(0) ?? 0;
  if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`;
  if (code < 0x80 ? isPrintable(character) : !asciiOnly && isPrintable(character)) return character;
  if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\U${code.toString(16).padStart(8, '0')}`;
}

/** Go's `strconv.CanBackquote`. */
export function canBackquote(text: string): boolean {
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code === 0xfeff || (code >= 0xd800 && code <= 0xdfff)) return false;
    if ((code < 0x20 && character !== '\t') || character === '`' || code === 0x7f) return false;
  }
  return true;
}

/** One character of a quoted text from `index` on; undefined where the syntax is wrong. */
export function unquoteCharacter(
  text: string, index: number, quote: string,
): { readonly character: string; readonly code: number; readonly next: number } | undefined {
  const first = text.codePointAt(index);
  if (first === undefined) return undefined;
  const at = String.fromCodePoint(first);
  if (at === quote) return undefined;
  if (at !== '\\') return { character: at, code: first, next: index + at.length };
  const letter = text[index + 1];
  if (letter === undefined) return undefined;
  const named = namedCharacters[letter];
  if (named !== undefined) return { character: named, code: named.charCodeAt(0), next: index + 2 };
  if (letter === "'" || letter === '"') {
    return letter === quote ? { character: letter, code: letter.charCodeAt(0), next: index + 2 } : undefined;
  }
  const octal = /^[0-7]{3}/.exec(text.slice(index + 1, index + 4))?.[0];
  if (octal !== undefined) return byteEscape(Number.parseInt(octal, 8), index + 4);
  const width = letter === 'x' ? 2 : letter === 'u' ? 4 : letter === 'U' ? 8 : 0;
  const digits = text.slice(index + 2, index + 2 + width);
  if (width === 0 || !new RegExp(`^[0-9a-fA-F]{${width}}$`).test(digits)) return undefined;
  const code = Number.parseInt(digits, 16);
  if (width === 2) return byteEscape(code, index + 4);
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined;
  return { character: String.fromCodePoint(code), code, next: index + 2 + width };
}

function byteEscape(code: number, next: number): ReturnType<typeof unquoteCharacter> {
  if (code > 0xff) return undefined;
  return { character: code < 0x80 ? String.fromCharCode(code) : String.fromCharCode(0xdc00 + code), code, next };
}

/** Go's `strconv.Unquote` of a string literal, quotes included; undefined where the syntax is wrong. */
export function unquoteText(literal: string): string | undefined {
  const quote = literal[0];
  if (quote === '`') return literal.slice(1, -1).replaceAll('\r', '');
  const inside = literal.slice(1, -1);
  let text = '';
  let bytes = false;
  for (let index = 0; index < inside.length;) {
    const read = unquoteCharacter(inside, index, '"');
    if (read === undefined) return undefined;
    if (read.code >= 0x80 && read.character.charCodeAt(0) >= 0xdc80 && read.character.length === 1) bytes = true;
    text += read.character;
    index = read.next;
  }
  // Bytes written one by one may make up a character together.
  return bytes ? textOfBytes(bytesOfText(text)) : text;
}

/** Go's `%q` of a list of strings. */
export function quoteList(texts: readonly string[] | null | undefined): string {
  return `[${(texts ?? []).map((text) => quoteText(text)).join(' ')}]`;
}
