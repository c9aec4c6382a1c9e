/** The uncompressed bytes of a compressed archive in a file, read while the file still grows. Blocking. */
import { readSync } from 'node:fs';
import { releaseBytes } from '#base/release-bytes.ts';
import { BlockingInflater } from './blocking-inflater.ts';
import { BrokenRing } from './byte-ring.ts';
import type { ByteSource } from './byte-source.ts';
import { compressionOf, type Compression } from './compression.ts';
import type { FileFeed } from './file-feed.ts';
import { FrameCutter } from './zstd-frames.ts';

const inputSize = 256 * 1024;
/** Enough to tell how a file is compressed. */
const startSize = 6;
/** A file that is shorter than was told is about to be begun anew. */
const lookAgain = 50;

export interface ReadFile {
  readonly descriptor: number;
  /** Bytes of the whole. */
  readonly size: number;
  readonly feed: FileFeed;
}

export class InflatedFile implements ByteSource, Disposable {
  readonly #file: ReadFile;
  readonly #input = Buffer.allocUnsafeSlow(inputSize);
  readonly #inflater: BlockingInflater | undefined;
  readonly #cutter: FrameCutter | undefined;
  /** Pieces for the inflater. */
  #pieces: Buffer[] = [];
  #position = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #finished = false;

  /** @throws BrokenRing when it is to stop */
  constructor(file: ReadFile) {
    this.#file = file;
    const compression = this.compression;
    if (compression === 'gzip' || compression === 'zstd') this.#inflater = new BlockingInflater(compression);
    if (compression === 'zstd') this.#cutter = new FrameCutter();
  }

  /** Told by its first bytes. */
  get compression(): Compression {
    const start = Buffer.alloc(Math.min(startSize, this.#file.size));
    for (let have = 0; have < start.length; ) have += this.#readAt(start.subarray(have), have);
    return compressionOf(start);
  }

  wait(): number {
    while (this.#bytes.length === 0 && !this.#finished) this.#bytes = this.#next();
    return this.#bytes.length;
  }

  view(offset: number, length: number): Buffer {
    return this.#bytes.subarray(offset, offset + length);
  }

  take(length: number): void {
    this.#bytes = this.#bytes.subarray(length);
  }

  [Symbol.dispose](): void {
    this.#inflater?.[Symbol.dispose]();
    releaseBytes(this.#input);
  }

  #next(): Buffer {
    const inflater = this.#inflater;
    if (inflater === undefined) return this.#read();
    if (!inflater.isDrained) return inflater.next();
    const piece = this.#pieces.shift();
    if (piece !== undefined) {
      inflater.feed(piece);
      return inflater.next();
    }
    const bytes = this.#read();
    if (bytes.length === 0) return this.#finished && this.#file.size > 0 ? inflater.finish() : bytes;
    this.#pieces = this.#cutter === undefined ? [bytes] : [...this.#cutter.cut(bytes)];
    return Buffer.alloc(0);
  }

  /** The next bytes of the file; empty at its end. */
  #read(): Buffer {
    const length = Math.min(inputSize, this.#file.size - this.#position);
    const count = length === 0 ? 0 : this.#readAt(this.#input.subarray(0, length), this.#position);
    this.#position += count;
    this.#finished = count === 0;
    return this.#input.subarray(0, count);
  }

  #readAt(target: Buffer, position: number): number {
    const { descriptor, feed } = this.#file;
    for (;;) {
      if (!feed.waitBeyond(position)) throw new BrokenRing();
      const count = readSync(descriptor, target, 0, target.length, position);
      if (count > 0) return count;
      feed.waitForChange(lookAgain);
    }
  }
}
