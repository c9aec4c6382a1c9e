/** The uncompressed archive as a worker reads it: hashes every byte once, counts, and enforces the limit. Blocking. */
import { createHash } from 'node:crypto';
import { fail } from '#base/errors/failure.ts';
import { unexpectedEnd } from '#oci/tar/tar-errors.ts';
import type { ByteSource } from './byte-source.ts';

export class ArchiveSource {
  readonly #bytes: ByteSource;
  readonly #maximumSize: number;
  readonly #hash = createHash('sha256');
  /** Bytes that can be taken and are hashed already. */
  #ready = 0;
  #length = 0;

  constructor(bytes: ByteSource, maximumSize: number) {
    this.#bytes = bytes;
    this.#maximumSize = maximumSize;
  }

  /** `size` bytes of its own memory, or fewer at the end. */
  read(size: number): Buffer {
    const bytes = Buffer.allocUnsafe(size);
    let position = 0;
    while (position < size) {
      const chunk = this.some(size - position);
      if (chunk === undefined) break;
      bytes.set(chunk, position);
      position += chunk.length;
      this.take(chunk.length);
    }
    return position === size ? bytes : bytes.subarray(0, position);
  }

  /** At least one byte and at most `limit`, valid until given back by `take`; undefined at the end. @throws layer.too_large */
  some(limit: number): Buffer | undefined {
    if (this.#ready === 0) this.#refill();
    if (this.#ready === 0) return undefined;
    return this.#bytes.view(0, Math.min(limit, this.#ready));
  }

  take(length: number): void {
    this.#ready -= length;
    this.#bytes.take(length);
  }

  /** Gives `size` bytes piece by piece. @throws layer.invalid_archive when there are fewer */
  each(size: number, use: (chunk: Buffer) => void): void {
    let left = size;
    while (left > 0) {
      const chunk = this.some(left);
      if (chunk === undefined) throw unexpectedEnd();
      use(chunk);
      left -= chunk.length;
      this.take(chunk.length);
    }
  }

  /** Length of all that was read. */
  get length(): number {
    return this.#length - this.#ready;
  }

  /** Digest of all that was read; to be asked once, at the end. */
  digest(): string {
    return `sha256:${this.#hash.digest('hex')}`;
  }

  #refill(): void {
    const available = this.#bytes.wait();
    if (available === 0) return;
    // Hashing long stretches is cheaper than hashing what each entry reads.
    const fresh = this.#bytes.view(0, available);
    this.#hash.update(fresh);
    this.#ready = fresh.length;
    this.#length += fresh.length;
    if (this.#length > this.#maximumSize) throw fail('layer.too_large', { maximum: this.#maximumSize });
  }
}
