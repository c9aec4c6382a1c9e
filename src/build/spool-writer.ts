/** Writes to a file in few large pieces what comes in many small ones. What was added is in the file after `flush`. */
import type { FileHandle } from 'node:fs/promises';

const bufferSize = 512 * 1024;

export class SpoolWriter {
  readonly #file: FileHandle;
  #buffer: Buffer | undefined;
  #start = 0;
  #length = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** @param position in the file */
  async add(chunk: Uint8Array, position: number): Promise<void> {
    if (this.addNow(chunk, position)) return;
    await this.flush();
    if (chunk.length > bufferSize) return await this.#write(chunk, position);
    this.addNow(chunk, position);
  }

  /** The same where that needs no writing; answers whether it was done. */
  addNow(chunk: Uint8Array, position: number): boolean {
    if (this.#length + chunk.length > bufferSize || (this.#length > 0 && position !== this.#start + this.#length)) return false;
    if (this.#length === 0) this.#start = position;
    this.#buffer ??= Buffer.allocUnsafe(bufferSize);
    this.#buffer.set(chunk, this.#length);
    this.#length += chunk.length;
    return true;
  }

  async flush(): Promise<void> {
    if (this.#length === 0 || this.#buffer === undefined) return;
    await this.#write(this.#buffer.subarray(0, this.#length), this.#start);
    this.#length = 0;
  }

  async #write(bytes: Uint8Array, position: number): Promise<void> {
    for (let at = 0; at < bytes.length; ) at += (await this.#file.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
  }
}
