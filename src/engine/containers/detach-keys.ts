/**
 * The key sequence that leaves an attached terminal without ending the process (`ctrl-p,ctrl-q`).
 * Keys are held back while they could be the beginning of the sequence, as Docker's escape proxy does.
 */
import { Transform, type TransformCallback } from 'node:stream';
import { fail } from '#base/errors/failure.ts';

export const defaultDetachKeys = 'ctrl-p,ctrl-q';

/**
 * Bytes of a specification such as `ctrl-a,x`.
 * @param what Docker's word for them: `escape` keys of execs, `detach` keys of containers
 * @throws api.invalid_parameter with Docker's text
 */
export function parseDetachKeys(specification: string, what: 'escape' | 'detach' = 'escape'): Buffer {
  const bytes = specification.split(',').map((key) => {
    if (key.length === 1) return key.charCodeAt(0);
    const control = /^ctrl-(.)$/.exec(key)?.[1];
    if (control !== undefined) {
      if (/[a-z]/.test(control)) return control.charCodeAt(0) - 96;
      if (control === '@') return 0;
      const index = '[\\]^_'.indexOf(control);
      if (index >= 0) return 27 + index;
    }
    if (key === 'DEL') return 127;
    throw fail('api.invalid_parameter', { message: `Invalid ${what} keys (${specification}) provided` });
  });
  return Buffer.from(bytes);
}

/** Passes input through until the sequence comes; then calls `onDetach` and swallows the rest. */
export class DetachFilter extends Transform {
  readonly #keys: Buffer;
  readonly #onDetach: () => void;
  #matched = 0;
  #detached = false;

  constructor(keys: Buffer, onDetach: () => void) {
    super();
    this.#keys = keys;
    this.#onDetach = onDetach;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.#detached) return done();
    const passed: number[] = [];
    for (const byte of chunk) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched++;
        if (this.#matched === this.#keys.length) {
          this.#detached = true;
          if (passed.length > 0) this.push(Buffer.from(passed));
          this.#onDetach();
          return done();
        }
        continue;
      }
      passed.push(...this.#keys.subarray(0, this.#matched));
      this.#matched = byte === this.#keys[0] ? 1 : 0;
      if (this.#matched === 0) passed.push(byte);
    }
    if (passed.length > 0) this.push(Buffer.from(passed));
    done();
  }

  override _flush(done: TransformCallback): void {
    if (!this.#detached && this.#matched > 0) this.push(this.#keys.subarray(0, this.#matched));
    done();
  }
}
