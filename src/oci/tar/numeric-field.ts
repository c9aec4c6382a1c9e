/** Numbers in tar headers: octal digits, or base-256 with the first bit set (GNU and star). */
import { invalidHeader } from './tar-errors.ts';

/** @throws layer.invalid_archive for what is no number or beyond 2^53 */
export function readNumber(block: Buffer, start: number, length: number): number {
  const first = block[start] ?? 0;
  if ((first & 0x80) !== 0) return readBinary(block, start, length);
  let position = start;
  let end = start + length;
  while (position < end && isBlank(block[position])) position++;
  while (end > position && isBlank(block[end - 1])) end--;
  let value = 0;
  for (; position < end; position++) {
    const digit = (block[position] ?? 0) - 0x30;
    // Some writers end a field by a zero and leave garbage behind it.
    if (digit === -0x30) break;
    if (digit < 0 || digit > 7) throw invalidHeader();
    value = value * 8 + digit;
  }
  if (!Number.isSafeInteger(value)) throw invalidHeader();
  return value;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0;
}

/** Two's complement, big endian; the first bit is the mark, the second the sign. */
function readBinary(block: Buffer, start: number, length: number): number {
  const first = block[start] ?? 0;
  const negative = (first & 0x40) !== 0;
  let value = negative ? -(0x40 - (first & 0x3f)) : first & 0x3f;
  for (let index = 1; index < length; index++) {
    value = value * 256 + (block[start + index] ?? 0);
    if (!Number.isSafeInteger(value)) throw invalidHeader();
  }
  return value;
}

/** Writes octal digits with a closing zero; false when the number does not fit so. */
export function writeOctal(block: Buffer, value: number, field: { start: number; length: number }): boolean {
  if (value < 0 || !Number.isInteger(value)) return false;
  const digits = value.toString(8);
  if (digits.length > field.length - 1) return false;
  block.write(digits.padStart(field.length - 1, '0'), field.start, field.length - 1, 'latin1');
  block[field.start + field.length - 1] = 0;
  return true;
}
