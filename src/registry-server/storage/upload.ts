/**
 * One blob on its way in: bytes are appended to a file and hashed as they come. What has been written stays when the
 * client breaks off or the server is killed, and the upload goes on from there; the hash is then made anew from the file.
 */
import { createHash, type Hash } from 'node:crypto';
import { constants, createReadStream, write } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { digestAlgorithm, type DigestAlgorithm } from '#oci/digest.ts';
import { giveBuffer, takeBuffer } from './buffer-pool.ts';

/** Bytes of one write to the page cache. For larger ones the kernel takes larger pages than it has at hand, which costs it twice the time and more (Linux 6.18, ext4). */
const writeSize = 32 * 1024;
const readSize = 256 * 1024;
/** Where writes past the page cache must begin and end. */
const blockSize = 4096;
const smallestDirect = 64 * 1024;
/** Most bytes that are gathered for the page cache: who reads an upload meanwhile need not wait for more. */
const cachedPiece = 256 * 1024;
/** Bytes after which the disk is set to work, rather than with all of them at the end. */
const syncEvery = 8 * 1024 * 1024;

export class Upload implements AsyncDisposable {
  readonly id: string;
  readonly repository: string;
  readonly algorithm: DigestAlgorithm;
  readonly #path: string;
  readonly #handle: FileHandle;
  #size: number;
  #hash: Hash | undefined;
  #synced = 0;
  #syncing: Promise<void> | undefined;
  #syncFailure: unknown;
  /** The file past the page cache, from the first whole buffer on. */
  #direct: FileHandle | undefined;
  readonly #mayBeDirect: boolean;

  private constructor(options: { id: string; repository: string; algorithm: DigestAlgorithm; path: string; handle: FileHandle; size: number; mayBeDirect: boolean }) {
    this.id = options.id;
    this.repository = options.repository;
    this.algorithm = options.algorithm;
    this.#path = options.path;
    this.#handle = options.handle;
    this.#size = options.size;
    this.#mayBeDirect = options.mayBeDirect;
    if (options.size === 0) this.#hash = createHash(options.algorithm);
  }

  /** Opens the file, new or with what an earlier life of the server has left. */
  static async open(options: { id: string; repository: string; algorithm: DigestAlgorithm; path: string; isNew: boolean; mayBeDirect: boolean }): Promise<Upload> {
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
    }, this.#mayBeDirect ? undefined : cachedPiece);
  }

  /** Whether the bytes have this digest. Nothing may be appended afterwards. */
  async matches(digest: string): Promise<boolean> {
    const algorithm = digestAlgorithm(digest);
    let hash = this.#hash;
    this.#hash = undefined;
    if (hash === undefined || algorithm !== this.algorithm) {
      hash = createHash(algorithm);
      if (this.#size > 0) for await (const chunk of createReadStream(this.#path, { highWaterMark: readSize, end: this.#size - 1 })) hash.update(chunk as Buffer);
    }
    return `${algorithm}:${hash.digest('hex')}` === digest;
  }

  /** Waits until the bytes survive the loss of power. */
  async sync(): Promise<void> {
    await this.#syncing;
    if (this.#syncFailure !== undefined) throw this.#syncFailure;
    await this.#handle.datasync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#syncing;
    await this.#direct?.close();
    await this.#handle.close();
  }

  async #write(bytes: Buffer): Promise<void> {
    const start = this.#size;
    try {
      if (!(await this.#writeDirect(bytes))) {
        for (let at = 0; at < bytes.length; ) at += await writeAt(this.#handle.fd, bytes.subarray(at, at + writeSize), start + at);
        this.#syncBehind(start + bytes.length);
      }
      this.#size = start + bytes.length;
    } catch (error) {
      // The file must not hold what was not counted; the hash has seen it already.
      this.#hash = undefined;
      await this.#handle.truncate(start);
      throw error;
    }
  }

  /**
   * What is large goes past the page cache: all of it has to be on the disk before the blob is acknowledged, and pages for
   * what nobody may ask for soon cost more time than writing does. False where that cannot be.
   */
  async #writeDirect(bytes: Buffer): Promise<boolean> {
    if (!this.#mayBeDirect || bytes.length < smallestDirect || bytes.length % blockSize !== 0 || this.#size % blockSize !== 0) return false;
    this.#direct ??= await open(this.#path, constants.O_WRONLY | constants.O_DIRECT);
    const written = await writeAt(this.#direct.fd, bytes, this.#size);
    return written === bytes.length;
  }

  /** A fault is told once per open file (fsync(2)): it is kept for the sync that counts. */
  #syncBehind(size: number): void {
    if (this.#syncing !== undefined || size - this.#synced < syncEvery) return;
    this.#synced = size;
    this.#syncing = this.#handle
      .datasync()
      .catch((error: unknown) => void (this.#syncFailure = error))
      .finally(() => (this.#syncing = undefined));
  }
}

/** Gathers chunks in one buffer while another is written. Chunks are copied: they may be freed when `write` returns. */
export class UploadWriter {
  readonly #sink: { readonly hash: (chunk: Buffer) => void; readonly write: (bytes: Buffer) => Promise<void> };
  readonly #buffers: [Buffer, Buffer] = [takeBuffer(), takeBuffer()];
  readonly #most: number;
  #filled = 0;
  #writing: Promise<void> | undefined;
  #waiting: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(sink: { hash: (chunk: Buffer) => void; write: (bytes: Buffer) => Promise<void> }, most = Number.POSITIVE_INFINITY) {
    this.#sink = sink;
    this.#most = Math.min(most, ...this.#buffers.map((buffer) => buffer.length));
  }

  /** A promise when the next chunk has to wait. */
  write(chunk: Buffer): Promise<void> | undefined {
    this.#sink.hash(chunk);
    return this.#fill(chunk);
  }

  /** Waits until all is in the file, whatever became of the source. Must be called once, at the end. */
  async end(): Promise<void> {
    // The source may have failed while a chunk waited.
    await this.#waiting?.catch(() => undefined);
    await this.#writing;
    if (this.#failure === undefined && this.#filled > 0) this.#begin();
    await this.#writing;
    for (const buffer of this.#buffers) giveBuffer(buffer);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #fill(chunk: Buffer): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error as Error);
    for (let at = 0; at < chunk.length; ) {
      const copied = chunk.copy(this.#buffers[0], this.#filled, at, at + this.#most - this.#filled);
      this.#filled += copied;
      at += copied;
      if (this.#filled < this.#most) continue;
      if (this.#writing !== undefined) return (this.#waiting = this.#wait(at === chunk.length ? undefined : Buffer.from(chunk.subarray(at))));
      this.#begin();
    }
    return undefined;
  }

  /** Both buffers are full until a write has ended. */
  async #wait(rest: Buffer | undefined): Promise<void> {
    await this.#writing;
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#begin();
    if (rest !== undefined) await this.#fill(rest);
  }

  /** Writes what has been gathered, and gathers in the other buffer. */
  #begin(): void {
    const [buffer] = this.#buffers;
    const bytes = this.#filled === buffer.length ? buffer : buffer.subarray(0, this.#filled);
    this.#buffers.reverse();
    this.#filled = 0;
    this.#writing = this.#sink
      .write(bytes)
      .catch((error: unknown) => void (this.#failure = { error }))
      .finally(() => (this.#writing = undefined));
  }
}

/** The bytes written. The promises of `FileHandle` cost the main thread more than the write itself. */
async function writeAt(descriptor: number, bytes: Buffer, position: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  write(descriptor, bytes, 0, bytes.length, position, (error, written) => (error === null ? resolve(written) : reject(error)));
  return await promise;
}
