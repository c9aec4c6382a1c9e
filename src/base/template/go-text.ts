/**
 * Go's strings are bytes; ours are JavaScript strings in which a byte that is no UTF-8 stands as
 * the lone surrogate U+DC00 + byte. Lengths, slices and indexes count bytes.
 */
const escapeBase = 0xdc00;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) return false;
  return true;
}

/** The bytes of a string. */
export function bytesOfText(text: string): Uint8Array {
  if (text.isWellFormed()) return Buffer.from(text, 'utf8');
  const parts: Uint8Array[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const escaped = code >= escapeBase + 0x80 && code <= escapeBase + 0xff;
    parts.push(escaped ? Uint8Array.of(code - escapeBase) : Buffer.from(character, 'utf8'));
  }
  return Buffer.concat(parts);
}

/** The string of some bytes. */
export function textOfBytes(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  let text = '';
  for (let index = 0; index < bytes.length;) {
    const length = sequenceLength(bytes, index);
    text += length === 0
      ? String.fromCharCode(escapeBase + (bytes[index] ?? 0))
      : decoder.decode(bytes.subarray(index, index + length));
    index += Math.max(length, 1);
  }
  return text;
}

/** The length of the valid sequence at `index`, or 0. */
function sequenceLength(bytes: Uint8Array, index: number): number {
  const first = bytes[index] ?? 0;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || index + length > bytes.length) return 0;
  try {
    decoder.decode(bytes.subarray(index, index + length));
    return length;
  } catch {
    return 0;
  }
}

/** Go's `len`. */
export function textLength(text: string): number {
  return isAscii(text) ? text.length : bytesOfText(text).length;
}

/** Go's `text[from:to]`. */
export function sliceText(text: string, from: number, to: number): string {
  return isAscii(text) ? text.slice(from, to) : textOfBytes(bytesOfText(text).subarray(from, to));
}

/** Go's runes: one for each code point, U+FFFD for each byte that is no UTF-8. */
export function runesOf(text: string): number[] {
  return Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code >= 0xd800 && code <= 0xdfff ? 0xfffd : code;
  });
}

/** Go's `utf8.RuneCountInString`. */
export function runeCount(text: string): number {
  if (isAscii(text)) return text.length;
  let count = 0;
  for (const _ of text) count++;
  return count;
}
