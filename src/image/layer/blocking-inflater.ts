/**
 * Inflates gzip and zstd with blocking calls into memory that is used again. Node's streams do the same work
 * by a round trip to another thread and a new buffer for every piece, which costs more than the inflating.
 * The native half of such a stream is called as Node's own synchronous functions call it.
 */
import { createGunzip, createZstdDecompress, constants } from 'node:zlib';
import { invariant } from '#base/errors/failure.ts';
import { releaseBytes } from '#base/release-bytes.ts';
import { inflateFailure } from './inflate-failure.ts';

const outputSize = 256 * 1024;

interface NativeHalf {
  writeSync(flush: number, input: Uint8Array, inputOffset: number, inputLength: number, output: Uint8Array, outputOffset: number, outputLength: number): void;
}

interface StreamHalf {
  readonly _handle: NativeHalf | null;
  /** After a call: what is left of the output, and of the input. */
  readonly _writeState: Uint32Array;
  readonly destroyed: boolean;
  readonly errored: Error | null;
  on(event: 'error', listener: () => void): void;
  destroy(): void;
}

export class BlockingInflater implements Disposable {
  readonly #stream: StreamHalf;
  readonly #finish: number;
  readonly #output = Buffer.allocUnsafeSlow(outputSize);
  #input: Uint8Array = Buffer.alloc(0);
  #offset = 0;
  /** The last call filled the output: there may be more in it. */
  #isFull = false;

  constructor(compression: 'gzip' | 'zstd') {
    const stream: unknown = compression === 'gzip' ? createGunzip() : createZstdDecompress();
    this.#finish = compression === 'gzip' ? constants.Z_FINISH : constants.ZSTD_e_end;
    this.#stream = stream as StreamHalf;
    invariant(typeof this.#stream._handle?.writeSync === 'function' && this.#stream._writeState instanceof Uint32Array, "Node's inflating streams are made otherwise than known");
    // Looked at after each call.
    this.#stream.on('error', () => undefined);
  }

  /** Whether all of the input was taken and all of its output given. */
  get isDrained(): boolean {
    return !this.#isFull && this.#offset === this.#input.length;
  }

  /** Gives input; what was given before must be drained. */
  feed(input: Uint8Array): void {
    this.#input = input;
    this.#offset = 0;
  }

  /** More of the output, valid until the next call; empty when it needs more input. @throws layer.invalid_archive */
  next(): Buffer {
    return this.isDrained ? this.#output.subarray(0, 0) : this.#call(constants.Z_NO_FLUSH);
  }

  /** What comes once all input was given. @throws layer.invalid_archive for an input that is cut short */
  finish(): Buffer {
    return this.#call(this.#finish);
  }

  [Symbol.dispose](): void {
    this.#stream.destroy();
    releaseBytes(this.#output);
  }

  #call(flush: number): Buffer {
    const left = this.#input.length - this.#offset;
    const { _handle: handle, _writeState: state } = this.#stream;
    // Calling a destroyed one would end the process.
    invariant(handle !== null && !this.#stream.destroyed, 'inflating went on after its failure');
    handle.writeSync(flush, this.#input, this.#offset, left, this.#output, 0, outputSize);
    if (this.#stream.destroyed) throw translated(this.#stream.errored);
    const [outputLeft = 0, inputLeft = 0] = state;
    const isStuck = inputLeft === left && outputLeft === outputSize;
    this.#isFull = outputLeft === 0;
    // What follows the end of a compressed file is not part of it.
    this.#offset = isStuck ? this.#input.length : this.#input.length - inputLeft;
    return this.#output.subarray(0, outputSize - outputLeft);
  }
}

function translated(error: Error | null): Error {
  const code = error !== null && 'code' in error ? String(error.code) : '';
  return inflateFailure(error, code);
}
