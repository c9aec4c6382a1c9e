/** Maps of sparse files: where the stored data lies in the file. GNU tar manual, "Storing Sparse Files". */
import type { ByteString } from './byte-string.ts';
import { readNumber } from './numeric-field.ts';
import { invalidHeader, sparseMismatch } from './tar-errors.ts';

/** A stretch of stored data. */
export interface SparseSegment {
  readonly offset: number;
  readonly length: number;
}

/** Appends the segments of a table in an old GNU header or its extension: 24 bytes each, ended by an empty one. */
export function readOldTable(block: Buffer, start: number, count: number, segments: SparseSegment[]): void {
  for (let index = 0; index < count; index++) {
    const at = start + index * 24;
    if (block[at] === 0) return;
    segments.push({ offset: readNumber(block, at, 12), length: readNumber(block, at + 12, 12) });
  }
}

/** Reads `GNU.sparse.map` of formats 0.0 and 0.1: `offset,length,…`. @throws layer.invalid_archive */
export function readMapRecord(map: ByteString, count: ByteString | undefined): SparseSegment[] {
  const numbers = map === '' ? [] : map.split(',');
  if (numbers.length % 2 !== 0 || (count !== undefined && decimal(count) !== numbers.length / 2)) throw invalidHeader();
  const segments: SparseSegment[] = [];
  for (let index = 0; index < numbers.length; index += 2) {
    segments.push({ offset: decimal(numbers[index]), length: decimal(numbers[index + 1]) });
  }
  return segments;
}

/** @throws layer.invalid_archive for anything but decimal digits */
export function decimal(text: string | undefined): number {
  if (text === undefined || !/^\d{1,16}$/.test(text)) throw invalidHeader();
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw invalidHeader();
  return value;
}

/** Checks that segments are in order, within the file, and as long as the stored data. @throws layer.invalid_archive */
export function checkSegments(segments: readonly SparseSegment[], size: number, stored: number): void {
  let position = 0;
  let sum = 0;
  for (const { offset, length } of segments) {
    if (offset < position || length < 0 || offset + length > size) throw invalidHeader();
    position = offset + length;
    sum += length;
  }
  if (sum !== stored) throw sparseMismatch(sum > stored);
}
