/**
 * The recipe of a layer's tar: everything in it but the contents of unpacked files, so that the exact
 * bytes can be made again without keeping them twice. A sequence of records in blocks, each block
 * compressed by itself and preceded by its compressed length (four bytes, little endian).
 */
import { readSync, writeSync } from 'node:fs';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { releaseBytes } from '#base/release-bytes.ts';
import type { SparseSegment } from '#oci/tar/sparse-map.ts';

const verbatimTag = 1;
const contentTag = 2;
const sparseTag = 3;
const blockLimit = 256 * 1024;
const damagedText = 'the recipe of the layer is damaged';

export type RecipeRecord =
  | { readonly kind: 'verbatim'; readonly bytes: Buffer }
  /** The contents of a file; `segments` where only stretches of it are in the archive. */
  | { readonly kind: 'content'; readonly path: string; readonly size: number; readonly segments: readonly SparseSegment[] | undefined };

/** Writes a recipe to a descriptor. Blocking. */
export class RecipeWriter {
  readonly #descriptor: number;
  readonly #block = Buffer.allocUnsafeSlow(blockLimit);
  #length = 0;
  /** Where the length of the open verbatim record's bytes begins; runs of verbatim bytes are one record. */
  #runStart = -1;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  verbatim(bytes: Uint8Array): void {
    let position = 0;
    while (position < bytes.length) {
      if (this.#runStart < 0) this.#openRun();
      const length = Math.min(bytes.length - position, blockLimit - this.#length);
      this.#block.set(bytes.subarray(position, position + length), this.#length);
      this.#length += length;
      position += length;
      if (this.#length === blockLimit) this.#flush();
    }
  }

  content(path: string, size: number, segments: readonly SparseSegment[] | undefined): void {
    this.#closeRun();
    // A map may be longer than a block: such a record gets a block of its own.
    const room = 32 + path.length + (segments?.length ?? 0) * 20;
    const record = room <= 8192 ? undefined : Buffer.alloc(room);
    if (record === undefined) {
      this.#reserve(room);
      this.#length = encodeContent(this.#block, this.#length, { path, size, segments });
    } else {
      this.#flush();
      this.#write(record.subarray(0, encodeContent(record, 0, { path, size, segments })));
    }
  }

  close(): void {
    this.#flush();
    releaseBytes(this.#block);
  }

  #openRun(): void {
    this.#reserve(64);
    this.#block[this.#length] = verbatimTag;
    this.#runStart = this.#length + 1;
    this.#length += 5;
  }

  #closeRun(): void {
    if (this.#runStart < 0) return;
    this.#block.writeUInt32LE(this.#length - this.#runStart - 4, this.#runStart);
    this.#runStart = -1;
  }

  #reserve(length: number): void {
    if (this.#length + length > blockLimit) this.#flush();
  }

  #flush(): void {
    this.#closeRun();
    if (this.#length === 0) return;
    this.#write(this.#block.subarray(0, this.#length));
    this.#length = 0;
  }

  #write(block: Buffer): void {
    const compressed = zstdCompressSync(block);
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32LE(compressed.length);
    const all = Buffer.concat([prefix, compressed]);
    let position = 0;
    while (position < all.length) position += writeSync(this.#descriptor, all, position);
  }
}

function encodeContent(target: Buffer, start: number, content: { path: string; size: number; segments: readonly SparseSegment[] | undefined }): number {
  const { path, size, segments } = content;
  let position = target.writeUInt8(segments === undefined ? contentTag : sparseTag, start);
  position = target.writeUInt16LE(path.length, position);
  position += target.write(path, position, 'latin1');
  position = target.writeDoubleLE(size, position);
  if (segments === undefined) return position;
  position = target.writeUInt32LE(segments.length, position);
  for (const { offset, length } of segments) {
    position = target.writeDoubleLE(offset, position);
    position = target.writeDoubleLE(length, position);
  }
  return position;
}

/** Reads a recipe from a descriptor. Blocking. @throws when it is damaged */
export function* readRecipe(descriptor: number): Generator<RecipeRecord, void> {
  for (;;) {
    const prefix = readExactly(descriptor, 4);
    if (prefix === undefined) return;
    const compressed = readExactly(descriptor, prefix.readUInt32LE());
    if (compressed === undefined) throw new Error(damagedText);
    yield* decodeBlock(zstdDecompressSync(compressed));
  }
}

function* decodeBlock(block: Buffer): Generator<RecipeRecord, void> {
  let position = 0;
  while (position < block.length) {
    const tag = block.readUInt8(position);
    position++;
    if (tag === verbatimTag) {
      const length = block.readUInt32LE(position);
      position += 4 + length;
      if (position > block.length) throw new Error(damagedText);
      yield { kind: 'verbatim', bytes: block.subarray(position - length, position) };
      continue;
    }
    if (tag !== contentTag && tag !== sparseTag) throw new Error(damagedText);
    const pathLength = block.readUInt16LE(position);
    position += 2 + pathLength;
    const path = block.toString('latin1', position - pathLength, position);
    const size = block.readDoubleLE(position);
    position += 8;
    if (tag === contentTag) {
      yield { kind: 'content', path, size, segments: undefined };
      continue;
    }
    const segments: SparseSegment[] = [];
    const count = block.readUInt32LE(position);
    position += 4;
    for (let index = 0; index < count; index++, position += 16) {
      segments.push({ offset: block.readDoubleLE(position), length: block.readDoubleLE(position + 8) });
    }
    yield { kind: 'content', path, size, segments };
  }
}

function readExactly(descriptor: number, length: number): Buffer | undefined {
  const bytes = Buffer.alloc(length);
  let position = 0;
  while (position < length) {
    const read = readSync(descriptor, bytes, position, length - position, null);
    if (read === 0) {
      if (position === 0) return undefined;
      throw new Error(damagedText);
    }
    position += read;
  }
  return bytes;
}
