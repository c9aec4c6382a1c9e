/**
 * Writes long files past the page cache (O_DIRECT, open(2)): what goes to the disk anyway, and is rarely read soon, costs no
 * second copy and drives nothing out of memory that containers read. Where a file system cannot, they are written like others. Blocking.
 */
import { constants, writeSync } from 'node:fs';
import { releaseBytes } from '#base/release-bytes.ts';
import { failedWith } from './failed-with.ts';
import { declare, koffi } from './libc.ts';

const fcntl = declare('int fcntl(int descriptor, int command, int argument)');

const F_SETFL = 4;
/** Enough for every disk: memory, place and length must be multiples of it. */
const alignment = 4096;
const pieceSize = 1024 * 1024;

/** Bytes of a file that is worth it: for shorter ones a disk takes longer to find their places than to write them. */
export const directSize = pieceSize;

/** Writes one file after the other; disposed, it gives its memory back. */
export class DirectWriter implements Disposable {
  readonly #memory = Buffer.allocUnsafeSlow(pieceSize + alignment);
  readonly #piece: Buffer;
  #filled = 0;
  #descriptor = -1;
  #position = 0;
  #isDirect = false;

  constructor() {
    const beyond = Number(koffi.address(this.#memory) % BigInt(alignment));
    const start = (alignment - beyond) % alignment;
    this.#piece = this.#memory.subarray(start, start + pieceSize);
  }

  /** Begins an empty file, open for writing. */
  begin(descriptor: number): void {
    this.#descriptor = descriptor;
    this.#position = 0;
    this.#filled = 0;
    this.#isDirect = this.#setDirect(true);
  }

  /** Takes what comes next of it. @throws the system's error */
  write(bytes: Buffer): void {
    for (let position = 0; position < bytes.length; ) {
      const length = bytes.copy(this.#piece, this.#filled, position);
      position += length;
      this.#filled += length;
      if (this.#filled === pieceSize) this.#flush();
    }
  }

  /** Writes what is left of it. @throws the system's error */
  end(): void {
    if (this.#filled > 0) this.#flush();
  }

  [Symbol.dispose](): void {
    releaseBytes(this.#memory);
  }

  #flush(): void {
    const whole = this.#filled - (this.#filled % alignment);
    let written = this.#isDirect ? this.#writeDirectly(whole) : 0;
    if (written < this.#filled && this.#isDirect) this.#isDirect = !this.#setDirect(false);
    while (written < this.#filled) written += writeSync(this.#descriptor, this.#piece, written, this.#filled - written, this.#position + written);
    this.#position += this.#filled;
    this.#filled = 0;
  }

  /** Answers how much of it that did, as far as it goes. */
  #writeDirectly(length: number): number {
    let written = 0;
    try {
      while (written < length && written % alignment === 0) written += writeSync(this.#descriptor, this.#piece, written, length - written, this.#position + written);
    } catch (error) {
      // The file system wants another alignment than disks have.
      if (!failedWith(error, 'EINVAL')) throw error;
    }
    return written;
  }

  #setDirect(on: boolean): boolean {
    return fcntl(this.#descriptor, F_SETFL, on ? constants.O_DIRECT : 0) === 0;
  }
}
