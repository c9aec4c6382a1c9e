/** Gives a program a layer's archive. */
import { crc32 } from 'node:zlib';
import type { FedProgram } from '#kernel/fed-program.ts';
import { BrokenRing } from './byte-ring.ts';
import type { PackProgress } from './pack-progress.ts';
import type { PackSink } from './pack-layer.ts';

const chunkSize = 256 * 1024;

/** Writing throws BrokenRing when the program is gone, or what it makes is not wanted any more. */
export class ProgramSink implements PackSink {
  readonly #program: FedProgram;
  readonly #progress: PackProgress;
  readonly #chunk = Buffer.allocUnsafeSlow(chunkSize);
  #filled = 0;
  #consumed = 0;
  #check = 0;

  constructor(program: FedProgram, progress: PackProgress) {
    this.#program = program;
    this.#progress = progress;
  }

  space(): Buffer {
    return this.#chunk.subarray(this.#filled);
  }

  put(length: number): void {
    this.#filled += length;
    if (this.#filled === chunkSize) this.#flush();
  }

  end(): void {
    this.#flush();
  }

  /** CRC-32 of all that was written. */
  get check(): number {
    return this.#check;
  }

  #flush(): void {
    const contents = this.#chunk.subarray(0, this.#filled);
    this.#check = crc32(contents, this.#check);
    if (!this.#program.write(contents)) throw new BrokenRing();
    this.#consumed += contents.length;
    this.#filled = 0;
    this.#progress.consumed = this.#consumed;
  }
}
