/**
 * An archive that a build unpacks, read no further than what anybody means goes: one that is made to fill the disk or
 * the memory is given up early. What plain archives and well compressed ones become is not limited.
 */
import { statfs } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { fail } from '#base/errors/failure.ts';
import type { TreeWatch } from '#build/source-tree.ts';
import { decompress } from '#image/layer/decompress.ts';

export interface ArchiveLimits {
  /** Bytes that any archive may become. */
  readonly plenty: number;
  /** Beyond them: how many times larger than itself. Deflate's best is 1,032 times. */
  readonly ratio: number;
  /** From this size and ratio on the disk keeps its reserve. */
  readonly watched: { readonly size: number; readonly ratio: number };
  /** Of files, directories and links, each of which takes memory. */
  readonly members: number;
}

export interface LimitedArchiveOptions {
  /** In failures. */
  readonly name: string;
  /** What to do where the archive is meant to become so large. */
  readonly remedy: string;
  /** On the file system that is written to. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly limits?: ArchiveLimits;
}

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;
const buildLimits: ArchiveLimits = { plenty: gibibyte, ratio: 200, watched: { size: 64 * mebibyte, ratio: 20 }, members: 1_000_000 };
/** What stays free: the smaller of these. */
const reserve = { size: gibibyte, share: 0.05 };
/** Bytes between looks at the disk, at most. */
const lookEvery = 64 * mebibyte;

/** @throws build.archive_refused */
export class LimitedArchive implements AsyncIterable<Uint8Array>, TreeWatch {
  readonly #archive: Readable;
  readonly #options: LimitedArchiveOptions;
  readonly #limits: ArchiveLimits;
  #read = 0;
  #inflated = 0;
  #contents = 0;
  #members = 0;
  #nextLook = 0;

  constructor(archive: Readable, options: LimitedArchiveOptions) {
    this.#archive = archive;
    this.#options = options;
    this.#limits = options.limits ?? buildLimits;
  }

  /** The bytes, uncompressed. To be read once. @throws layer.invalid_archive */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    const { chunks } = await decompress(this.#packed(), { signal: this.#options.signal });
    for await (const chunk of chunks) {
      this.#inflated += chunk.length;
      await this.#check();
      yield chunk;
    }
  }

  member(): void {
    if (++this.#members > this.#limits.members) throw this.#refusal(`it has more than ${this.#limits.members} members`);
  }

  /** The holes of sparse files make contents longer than the archive. */
  async contents(bytes: number): Promise<void> {
    this.#contents += bytes;
    if (this.#contents > this.#inflated) await this.#check();
  }

  async *#packed(): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of this.#archive as AsyncIterable<Buffer>) {
      this.#read += chunk.length;
      yield chunk;
    }
  }

  async #check(): Promise<void> {
    const { plenty, ratio, watched } = this.#limits;
    const made = Math.max(this.#inflated, this.#contents);
    if (made > plenty && made > ratio * this.#read) throw this.#refusal(`it becomes more than ${ratio} times as large as it is: ${made} bytes so far, of ${this.#read}`);
    if (made <= watched.size || made <= watched.ratio * this.#read || made < this.#nextLook) return;
    const { blocks, bavail, bsize } = await statfs(this.#options.directory);
    const kept = Math.min(reserve.size, blocks * bsize * reserve.share);
    const free = bavail * bsize;
    if (free < kept) throw this.#refusal(`it becomes ${made} bytes so far, of ${this.#read}, and leaves ${free} bytes of the disk free, less than the ${Math.floor(kept)} that are kept from archives like it`);
    // Others write, too.
    this.#nextLook = made + Math.min(lookEvery, (free - kept) / 4);
  }

  #refusal(reason: string): Error {
    const { name, remedy } = this.#options;
    return fail('build.archive_refused', { name, reason, remedy });
  }
}

/** A context that a client or a server sends as an archive, which may be compressed. */
export function limitedContext(archive: Readable, options: Pick<LimitedArchiveOptions, 'directory' | 'signal' | 'limits'>): LimitedArchive {
  return new LimitedArchive(archive, { ...options, name: 'the context', remedy: 'give the build a directory, or an archive that is not compressed' });
}
