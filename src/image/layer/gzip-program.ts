/**
 * The program that compresses layers where the system has it: igzip is several times as fast as zlib. A layer's compressed form is
 * no identity of it: it differs between programs and their versions, and nothing compares it with one made before.
 */
import { isFailure } from '#base/errors/failure.ts';
import { findProgram } from '#kernel/find-program.ts';
import type { ProgramCall } from './worker-messages.ts';

/** Its higher levels take longer for hardly less. */
const parameters = ['-1', '--no-name', '--stdout'];

export class GzipProgram {
  readonly #find: () => string | undefined;
  #isFit = true;

  /** @param find its path, asked for each layer; undefined: there is none */
  constructor(find: () => string | undefined = () => findProgram('igzip')) {
    this.#find = find;
  }

  /** Undefined where there is none that works. */
  call(): ProgramCall | undefined {
    const path = this.#isFit ? this.#find() : undefined;
    return path === undefined ? undefined : { path, parameters };
  }

  /** After layer.compression_failed zlib does its work from now on. */
  noteFailure(error: unknown): void {
    if (isFailure(error, 'layer.compression_failed')) this.#isFit = false;
  }
}
