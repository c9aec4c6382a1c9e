/**
 * Writes long files past the page cache (O_DIRECT, open(2)): what goes to the disk anyway, and is rarely read soon, costs no
 * second copy and drives nothing out of memory that containers read. Where a file system cannot, they are written like others. Blocking.
 */
import { writeSync } from 'node:fs';
import { releaseBytes } from '#base/release-bytes.ts';
import { alignedPiece, alignment, setDirect } from './direct-memory.ts';
import { failedWith } from './failed-with.ts';

/** Writes one file after the other; disposed, it gives its memory back. */
export class DirectWriter implements Disposable {
  readonly #owner: Buffer;
  readonly #piece: Buffer;
  #filled = 0;
  #descriptor = -1;
  #position = 0;
  #isDirect = false;

  constructor() {
    const { piece, owner } = alignedPiece();
    this.#piece = piece;
    this.#owner = owner;
  }

  /** Begins an empty file, open for writing. */
  begin(descriptor: number): void {
    this.#descriptor = descriptor;
    this.#position = 0;
    this.#filled = 0;
    this.#isDirect = setDirect(descriptor, true);
  }

  /** Takes what comes next of it. @throws the system's error */
  write(bytes: Buffer): void {
    for (let position = 0; position < bytes.length; ) {
      const length = bytes.copy(this.#piece, this.#filled, position);
      position += length;
      this.#filled += length;
      if (this.#filled === this.#piece.length) this.#flush();
    }
  }

  /** Writes what is left of it. @throws the system's error */
  end(): void {
    if (this.#filled > 0) this.#flush();
  }

  [Symbol.dispose](): void {
    releaseBytes(this.#owner);
  }

  #flush(): void {
    const whole = this.#filled - (this.#filled % alignment);
    let written = this.#isDirect ? this.#writeDirectly(whole) : 0;
    if (written < this.#filled && this.#isDirect) this.#isDirect = !setDirect(this.#descriptor, false);
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
}
