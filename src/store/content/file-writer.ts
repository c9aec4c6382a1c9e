/** The writer of one partial blob: gathers small pieces into large writes and hashes every byte once. */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, fsync, openSync, renameSync, rmSync, existsSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { fail, messageOf } from '#base/errors/failure.ts';
import { releaseBytes } from '#base/release-bytes.ts';
import { digestAlgorithm, type DigestAlgorithm } from '#oci/digest.ts';
import type { BlobInfo, BlobWriter } from './contract.ts';
import type { Growth } from './growth.ts';
import { hashFile } from './hash-file.ts';

/** Written at once: a round trip to the thread pool costs the same for any size. */
const batchSize = 512 * 1024;

export interface FileWriterOptions {
  readonly path: string;
  /** Where the whole blob goes. */
  readonly blobPath: (digest: string) => string;
  /** Undefined for an upload, whose digest is told at its commit. */
  readonly digest: string | undefined;
  readonly size: number | undefined;
  readonly signal: AbortSignal;
  readonly onGrowth: (growth: Growth) => void;
  /** Gives the place of the only writer back. */
  readonly release: () => void;
}

export class FileWriter implements BlobWriter {
  readonly #options: FileWriterOptions;
  readonly #algorithm: DigestAlgorithm;
  readonly #file: FileHandle;
  #hash: Hash;
  #pending: Uint8Array[] = [];
  #pendingSize = 0;
  /** Those of the pending pieces that are ours alone. */
  #given: Uint8Array[] = [];
  #flushed: number;
  #resumed: boolean;
  #state: 'open' | 'closed' = 'open';

  private constructor(options: FileWriterOptions, file: FileHandle, start: { hash: Hash; size: number }) {
    this.#options = options;
    this.#file = file;
    this.#algorithm = options.digest === undefined ? 'sha256' : digestAlgorithm(options.digest);
    this.#hash = start.hash;
    this.#flushed = start.size;
    this.#resumed = start.size > 0;
  }

  /** Takes up what a former writer left: it is read once, for the digest of the whole. */
  static async open(options: FileWriterOptions): Promise<FileWriter> {
    const algorithm = options.digest === undefined ? 'sha256' : digestAlgorithm(options.digest);
    try {
      const file = await open(options.path, 'a+', 0o600);
      try {
        let start = await hashFile(file, algorithm, options.signal);
        if (options.size !== undefined && start.size > options.size) {
          await file.truncate(0);
          start = { hash: createHash(algorithm), size: 0 };
        }
        if (start.size > 0) options.onGrowth({ size: start.size, state: 'growing' });
        return new FileWriter(options, file, start);
      } catch (error) {
        await file.close();
        throw error;
      }
    } catch (error) {
      options.release();
      throw asDiskFull(error, options.path);
    }
  }

  get offset(): number {
    return this.#flushed + this.#pendingSize;
  }

  get resumed(): boolean {
    return this.#resumed;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#pending.push(bytes);
    this.#pendingSize += bytes.length;
    if (this.#pendingSize >= batchSize) await this.#flush();
  }

  async give(bytes: Uint8Array): Promise<void> {
    this.#given.push(bytes);
    await this.write(bytes);
  }

  async restart(): Promise<void> {
    this.#pending = [];
    this.#pendingSize = 0;
    this.#flushed = 0;
    this.#resumed = false;
    this.#hash = createHash(this.#algorithm);
    await this.#file.truncate(0);
  }

  async commit(told?: string): Promise<BlobInfo> {
    await this.#flush();
    const size = this.#flushed;
    const expected = this.#options.digest ?? told;
    const actual = await this.#digest(expected);
    const promised = this.#options.size;
    if (promised !== undefined && promised !== size) {
      await this.discard();
      throw fail('content.wrong_size', { digest: expected, expected: promised, actual: size });
    }
    if (expected !== undefined && expected !== actual) {
      await this.discard();
      throw fail('content.digest_mismatch', { expected, actual, size });
    }
    const target = this.#options.blobPath(actual);
    if (existsSync(target)) rmSync(this.#options.path, { force: true });
    else {
      renameSync(this.#options.path, target);
      writeBack(target);
    }
    await this.#close();
    this.#options.onGrowth({ size, state: 'whole' });
    return { digest: actual, size, modified: Date.now() };
  }

  async discard(): Promise<void> {
    this.#pending = [];
    this.#pendingSize = 0;
    rmSync(this.#options.path, { force: true });
    await this.#close();
    this.#options.onGrowth({ size: 0, state: 'lost' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'closed') return;
    try {
      await this.#flush();
      // An empty file would keep nothing.
      if (this.#flushed === 0) rmSync(this.#options.path, { force: true });
    } finally {
      await this.#close();
    }
  }

  async #flush(): Promise<void> {
    if (this.#pendingSize === 0) return;
    const pieces = this.#pending;
    const size = this.#pendingSize;
    const given = this.#given;
    this.#pending = [];
    this.#pendingSize = 0;
    this.#given = [];
    try {
      let written = (await this.#file.writev(pieces)).bytesWritten;
      // A short write is completed or tells why it was.
      for (const rest = Buffer.concat(written === size ? [] : pieces); written < size; ) written += (await this.#file.write(rest.subarray(written))).bytesWritten;
    } catch (error) {
      // Part of it may be in the file; what is hashed must be what is there.
      await this.#file.truncate(this.#flushed);
      throw asDiskFull(error, this.#options.path);
    }
    for (const piece of pieces) this.#hash.update(piece);
    for (const piece of given) releaseBytes(piece);
    this.#flushed += size;
    this.#options.onGrowth({ size: this.#flushed, state: 'growing' });
  }

  async #digest(expected: string | undefined): Promise<string> {
    const algorithm = expected === undefined ? this.#algorithm : digestAlgorithm(expected);
    // An upload may be asked for another algorithm than the one at hand.
    const hash = algorithm === this.#algorithm ? this.#hash : (await hashFile(this.#file, algorithm, this.#options.signal)).hash;
    return `${algorithm}:${hash.digest('hex')}`;
  }

  async #close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    try {
      await this.#file.close();
    } finally {
      this.#options.release();
    }
  }
}

/** Brings a file to the disk while others go on; the name is there already. A failure to would be the disk's, and `verify` tells. */
function writeBack(path: string): void {
  const descriptor = openSync(path, 'r');
  fsync(descriptor, () => closeSync(descriptor));
}

/** The engine's error for a full disk; any other error as it is. */
export function asDiskFull(error: unknown, path: string): unknown {
  const full = error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
  return full ? fail('content.disk_full', { path, reason: messageOf(error) }, error) : error;
}
