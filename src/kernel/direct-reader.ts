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
  /** Made for the first file that needs it. */
  #memory: ReturnType<typeof alignedPiece> | undefined;
  #descriptor = -1;
  #isDirect = false;
  /** Place in the file of what the piece holds, and its length. */
  #start = 0;
  #length = 0;

  /** Begins a file, open for reading. @param size in bytes */
  begin(descriptor: number, size: number): void {
    this.#descriptor = descriptor;
    this.#length = 0;
    this.#isDirect = size >= directSize && !isCached(descriptor, size) && setDirect(descriptor, true);
  }

  /** Fills the target from a place on, as far as one read goes; 0 at the file's end. @throws the system's error */
  read(target: Buffer, position: number): number {
    const piece = this.#isDirect ? this.#pieceAt(position) : undefined;
    if (piece === undefined) return readSync(this.#descriptor, target, 0, target.length, position);
    const from = position - this.#start;
    return from >= this.#length ? 0 : piece.copy(target, 0, from, this.#length);
  }

  [Symbol.dispose](): void {
    if (this.#memory !== undefined) releaseBytes(this.#memory.owner);
  }

  #holds(position: number): boolean {
    return position >= this.#start && position < this.#start + this.#length;
  }

  /** The piece with what is at a place; undefined: the file is read like others from now on. */
  #pieceAt(position: number): Buffer | undefined {
    const { piece } = (this.#memory ??= alignedPiece());
    if (this.#holds(position)) return piece;
    this.#start = position - (position % alignment);
    try {
      this.#length = readSync(this.#descriptor, piece, 0, piece.length, this.#start);
      return piece;
    } catch (error) {
      // The file system wants another alignment than disks have.
      if (!failedWith(error, 'EINVAL')) throw error;
      this.#isDirect = false;
      setDirect(this.#descriptor, false);
      return undefined;
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
