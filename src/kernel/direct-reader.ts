/**
 * Reads long files past the page cache (O_DIRECT, open(2)) where they are not in it: what is read once fills no memory, and
 * filling it costs more than a disk takes. Files that are in it, or that a file system cannot give otherwise, are read like others. Blocking.
 */
import { readSync } from 'node:fs';
import { releaseBytes } from '#base/release-bytes.ts';
import { alignedPiece, alignment, directSize, setDirect } from './direct-memory.ts';
import { failedWith } from './failed-with.ts';
import { declare } from './libc.ts';

const cachestat = declare('long syscall(long number, unsigned int descriptor, void *range, void *status, unsigned int flags)');
/** cachestat(2), Linux 6.5; the same number on all architectures. */
const cachestatNumber = 451;
const pageSize = 4096;

/** Reads one file after the other; disposed, it gives its memory back. */
export class DirectReader implements Disposable {
  readonly #owner: Buffer;
  readonly #piece: Buffer;
  #descriptor = -1;
  #isDirect = false;
  /** Place in the file of what the piece holds, and its length. */
  #start = 0;
  #length = 0;

  constructor() {
    const { piece, owner } = alignedPiece();
    this.#piece = piece;
    this.#owner = owner;
  }

  /** Begins a file, open for reading. @param size in bytes */
  begin(descriptor: number, size: number): void {
    this.#descriptor = descriptor;
    this.#length = 0;
    this.#isDirect = size >= directSize && !isCached(descriptor, size) && setDirect(descriptor, true);
  }

  /** Fills the target from a place on, as far as one read goes; 0 at the file's end. @throws the system's error */
  read(target: Buffer, position: number): number {
    if (this.#isDirect && !this.#holds(position)) this.#fill(position);
    if (!this.#isDirect) return readSync(this.#descriptor, target, 0, target.length, position);
    const from = position - this.#start;
    return from >= this.#length ? 0 : this.#piece.copy(target, 0, from, this.#length);
  }

  [Symbol.dispose](): void {
    releaseBytes(this.#owner);
  }

  #holds(position: number): boolean {
    return position >= this.#start && position < this.#start + this.#length;
  }

  #fill(position: number): void {
    this.#start = position - (position % alignment);
    try {
      this.#length = readSync(this.#descriptor, this.#piece, 0, this.#piece.length, this.#start);
    } catch (error) {
      // The file system wants another alignment than disks have.
      if (!failedWith(error, 'EINVAL')) throw error;
      this.#isDirect = false;
      setDirect(this.#descriptor, false);
    }
  }
}

/** Half of it or more. Kernels that do not tell are left to read as they like best. */
function isCached(descriptor: number, size: number): boolean {
  const range = Buffer.alloc(16);
  const status = Buffer.alloc(40);
  if (cachestat(cachestatNumber, descriptor, range, status, 0) !== 0) return true;
  return Number(status.readBigUInt64LE(0)) * pageSize * 2 >= size;
}
