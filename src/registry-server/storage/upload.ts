/**
 * One blob on its way in: bytes are appended to a file and hashed as they come. What has been written stays when the
 * client breaks off or the server is killed, and the upload goes on from there; the hash is then made anew from the file.
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { digestAlgorithm, type DigestAlgorithm } from '#oci/digest.ts';

/** Bytes gathered before a write: few calls, little memory. */
const batchSize = 512 * 1024;

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

  /** Appends all of `source`. When it fails or breaks off, what came before that is kept. Must not run twice at once. */
  async append(source: AsyncIterable<Buffer>): Promise<void> {
    let batch: Buffer[] = [];
    let gathered = 0;
    let writing: Promise<void> | undefined;
    const flush = async (): Promise<void> => {
      await writing;
      if (gathered === 0) return;
      writing = this.#write(batch, gathered);
      // A fault is told where the write is waited for.
      writing.catch(() => undefined);
      batch = [];
      gathered = 0;
    };
    try {
      for await (const chunk of source) {
        this.#hash?.update(chunk);
        batch.push(chunk);
        gathered += chunk.length;
        if (gathered >= batchSize) await flush();
      }
    } finally {
      await flush();
      await writing;
    }
  }

  /** Whether the bytes have this digest. Nothing may be appended afterwards. */
  async matches(digest: string): Promise<boolean> {
    const algorithm = digestAlgorithm(digest);
    let hash = this.#hash;
    this.#hash = undefined;
    if (hash === undefined || algorithm !== this.algorithm) {
      hash = createHash(algorithm);
      if (this.#size > 0) for await (const chunk of createReadStream(this.#path, { highWaterMark: batchSize, end: this.#size - 1 })) hash.update(chunk as Buffer);
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

  async #write(batch: readonly Buffer[], length: number): Promise<void> {
    const start = this.#size;
    try {
      const { bytesWritten } = await this.#handle.writev([...batch], start);
      for (let at = bytesWritten; at < length; ) at += await this.#writeRest(batch, at, start + at);
      this.#size = start + length;
    } catch (error) {
      // The file must not hold what was not counted; the hash has seen it already.
      this.#hash = undefined;
      await this.#handle.truncate(start);
      throw error;
    }
  }

  async #writeRest(batch: readonly Buffer[], skip: number, position: number): Promise<number> {
    const rest = Buffer.concat(batch).subarray(skip);
    const { bytesWritten } = await this.#handle.write(rest, 0, rest.length, position);
    return bytesWritten;
  }
}
