/** Gives a program a layer's archive. */
import type { FedProgram } from '#kernel/fed-program.ts';
import { BrokenRing } from './byte-ring.ts';
import { ChunkSink } from './chunk-sink.ts';
import type { PackProgress } from './pack-progress.ts';

const chunkSize = 256 * 1024;

/** Writing throws BrokenRing when the program is gone, or what it makes is not wanted any more. */
export class ProgramSink extends ChunkSink {
  readonly #program: FedProgram;

  constructor(program: FedProgram, progress: PackProgress) {
    super(chunkSize, progress);
    this.#program = program;
  }

  protected override take(contents: Buffer): void {
    if (!this.#program.write(contents)) throw new BrokenRing();
  }
}
