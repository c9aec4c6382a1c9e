/**
 * One blob on its way in: bytes are appended to a file and hashed as they come. What has been written stays when the
 * client breaks off or the server is killed, and the upload goes on from there; the hash is then made anew from the file.
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { digestAlgorithm, type DigestAlgorithm } from '#oci/digest.ts';
import { bufferSize, giveBuffer, takeBuffer } from './buffer-pool.ts';

export class Upload implements AsyncDisposable {
  readonly id: string;
  readonly repository: string;
  readonly algorithm: DigestAlgorithm;
  readonly #path: string;
  readonly #handle: FileHandle;
  #size: number;
  #hash: Hash | undefined;

  private constructor(options: { id: string; repository: string; algorithm: DigestAlgorithm; path: string; handle: FileHandle; size: number }) {
    this.id = options.id;
    this.repository = options.repository;
    this.algorithm = options.algorithm;
    this.#path = options.path;
    this.#handle = options.handle;
    this.#size = options.size;
    if (options.size === 0) this.#hash = createHash(options.algorithm);
  }

  /** Opens the file, new or with what an earlier life of the server has left. */
  static async open(options: { id: string; repository: string; algorithm: DigestAlgorithm; path: string; isNew: boolean }): Promise<Upload> {
    const handle = await open(options.path, options.isNew ? 'wx' : 'r+', 0o600);
    try {
      return new Upload({ ...options, handle, size: options.isNew ? 0 : (await handle.stat()).size });
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Bytes that are in the file. */
  get size(): number {
    return this.#size;
  }

  /** Begins to append; one at a time. */
  append(): UploadWriter {
    return new UploadWriter({
      hash: (chunk) => void this.#hash?.update(chunk),
      write: async (bytes) => await this.#write(bytes),
    });
  }

  /** Whether the bytes have this digest. Nothing may be appended afterwards. */
  async matches(digest: string): Promise<boolean> {
    const algorithm = digestAlgorithm(digest);
    let hash = this.#hash;
    this.#hash = undefined;
    if (hash === undefined || algorithm !== this.algorithm) {
      hash = createHash(algorithm);
      if (this.#size > 0) for await (const chunk of createReadStream(this.#path, { highWaterMark: bufferSize, end: this.#size - 1 })) hash.update(chunk as Buffer);
    }
    return `${algorithm}:${hash.digest('hex')}` === digest;
  }

  /** Waits until the bytes survive the loss of power. */
  async sync(): Promise<void> {
    await this.#handle.datasync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  async #write(bytes: Buffer): Promise<void> {
    const start = this.#size;
    try {
      for (let at = 0; at < bytes.length; ) at += (await this.#handle.write(bytes, at, bytes.length - at, start + at)).bytesWritten;
      this.#size = start + bytes.length;
    } catch (error) {
      // The file must not hold what was not counted; the hash has seen it already.
      this.#hash = undefined;
      await this.#handle.truncate(start);
      throw error;
    }
  }
}

/** Gathers chunks in one buffer while another is written. Chunks are copied: they may be freed when `write` returns. */
export class UploadWriter {
  readonly #sink: { readonly hash: (chunk: Buffer) => void; readonly write: (bytes: Buffer) => Promise<void> };
  readonly #buffers: [Buffer, Buffer] = [takeBuffer(), takeBuffer()];
  #filled = 0;
  #writing: Promise<void> | undefined;

  constructor(sink: { hash: (chunk: Buffer) => void; write: (bytes: Buffer) => Promise<void> }) {
    this.#sink = sink;
  }

  /** A promise when the next chunk has to wait. */
  write(chunk: Buffer): Promise<void> | undefined {
    this.#sink.hash(chunk);
    const copied = chunk.copy(this.#buffers[0], this.#filled);
    this.#filled += copied;
    return this.#filled < bufferSize ? undefined : this.#turn(copied === chunk.length ? undefined : Buffer.from(chunk.subarray(copied)));
  }

  /** Waits until all is in the file, whatever became of the source. Must be called once, at the end. */
  async end(): Promise<void> {
    await this.#flush();
    await this.#writing;
    for (const buffer of this.#buffers) giveBuffer(buffer);
  }

  async #turn(rest: Buffer | undefined): Promise<void> {
    await this.#flush();
    for (let at = 0; rest !== undefined && at < rest.length; ) {
      const copied = rest.copy(this.#buffers[0], this.#filled, at);
      this.#filled += copied;
      at += copied;
      if (this.#filled === bufferSize) await this.#flush();
    }
  }

  /** Waits for the last write and begins the next. */
  async #flush(): Promise<void> {
    await this.#writing;
    if (this.#filled === 0) return;
    this.#writing = this.#sink.write(this.#buffers[0].subarray(0, this.#filled));
    // A fault is told where the write is waited for.
    this.#writing.catch(() => undefined);
    this.#buffers.reverse();
    this.#filled = 0;
  }
}
