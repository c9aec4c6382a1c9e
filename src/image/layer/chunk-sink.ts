/** Gathers an archive in chunks of one size, the last of them shorter, and knows the check and the length of what it gave on. */
import { crc32 } from 'node:zlib';
import type { PackProgress } from './pack-progress.ts';
import type { PackSink } from './pack-layer.ts';

export abstract class ChunkSink implements PackSink {
  readonly #chunk: Buffer;
  readonly #progress: PackProgress;
  #filled = 0;
  #check = 0;
  #consumed = 0;

  constructor(chunkSize: number, progress: PackProgress) {
    this.#chunk = Buffer.allocUnsafeSlow(chunkSize);
    this.#progress = progress;
  }

  /** Takes a chunk, which is valid until this returns. */
  protected abstract take(contents: Buffer): void;

  space(): Buffer {
    return this.#chunk.subarray(this.#filled);
  }

  put(length: number): void {
    this.#filled += length;
    if (this.#filled === this.#chunk.length) this.#flush();
  }

  end(): void {
    if (this.#filled > 0) this.#flush();
  }

  /** CRC-32 of all that was taken. */
  get check(): number {
    return this.#check;
  }

  /** Bytes of all that was taken. */
  protected get consumed(): number {
    return this.#consumed;
  }

  #flush(): void {
    const contents = this.#chunk.subarray(0, this.#filled);
    this.#check = crc32(contents, this.#check);
    this.take(contents);
    this.#consumed += contents.length;
    this.#filled = 0;
    this.#progress.consumed = this.#consumed;
  }
}
