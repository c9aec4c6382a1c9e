/** The content store on disk. A blob is there when its name below `blobs` is: the name comes last and goes first. */
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, readdirSync, renameSync, rmSync, statSync, type Stats } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { fail } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import { KeyedMutex } from '#base/keyed-mutex.ts';
import { digestAlgorithm, isDigest } from '#oci/digest.ts';
import { ContentPaths, partialTarget } from './content-paths.ts';
import type { BlobInfo, BlobWriter, ContentLease, ContentStore, GrowingFile, PartialBlob, ReadRange } from './contract.ts';
import { asDiskFull, FileWriter } from './file-writer.ts';
import { openGrowing } from './growing-file.ts';
import { Growths } from './growth.ts';
import { hashFile } from './hash-file.ts';

/** Opens the store below `dataRoot`, making its directories. Call `repair` before anything else. */
export function createContentStore({ dataRoot }: { readonly dataRoot: string }): ContentStore {
  return new StoredContent(new ContentPaths(dataRoot));
}

class StoredContent implements ContentStore {
  readonly #paths: ContentPaths;
  readonly #writers = new KeyedMutex();
  readonly #busy = new Set<string>();
  readonly #holds = new Map<string, number>();
  readonly #growths = new Growths();

  constructor(paths: ContentPaths) {
    this.#paths = paths;
  }

  stat(digest: string): BlobInfo | undefined {
    const stats = isDigest(digest) ? statOf(this.#paths.blob(digest)) : undefined;
    return stats === undefined ? undefined : { digest, size: stats.size, modified: stats.mtimeMs };
  }

  path(digest: string): string {
    if (this.stat(digest) === undefined) throw fail('content.not_found', { digest });
    return this.#paths.blob(digest);
  }

  read(digest: string, { offset = 0, length, signal }: ReadRange = {}): Readable {
    const path = this.path(digest);
    // A stream of a file cannot have a range of nothing.
    if (length === 0) return Readable.from([], { objectMode: false });
    return createReadStream(path, { start: offset, end: length === undefined ? Infinity : offset + length - 1, highWaterMark: 256 * 1024, signal });
  }

  async readWhole(digest: string, limit: number): Promise<Buffer> {
    const path = this.path(digest);
    if ((this.stat(digest)?.size ?? 0) > limit) throw fail('content.too_large', { digest, limit });
    return await readFile(path);
  }

  async verify(digest: string, signal?: AbortSignal): Promise<boolean> {
    const algorithm = digestAlgorithm(digest);
    await using file = await open(this.path(digest), 'r');
    const { hash } = await hashFile(file, algorithm, signal);
    return `${algorithm}:${hash.digest('hex')}` === digest;
  }

  async put(bytes: Uint8Array, digest?: string): Promise<BlobInfo> {
    const algorithm = digest === undefined ? 'sha256' : digestAlgorithm(digest);
    const actual = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
    if (digest !== undefined && digest !== actual) throw fail('content.digest_mismatch', { expected: digest, actual, size: bytes.length });
    const target = this.#blobPath(actual);
    const present = this.stat(actual);
    if (present !== undefined) return present;
    const draft = join(this.#paths.ingest, `draft.${newIdentifier()}`);
    try {
      await using file = await open(draft, 'wx', 0o600);
      await file.writeFile(bytes);
      await file.datasync();
      renameSync(draft, target);
    } catch (error) {
      rmSync(draft, { force: true });
      throw asDiskFull(error, draft);
    }
    return { digest: actual, size: bytes.length, modified: Date.now() };
  }

  async write(digest: string, { size, signal }: { size?: number | undefined; signal: AbortSignal }): Promise<BlobWriter | undefined> {
    const path = this.#paths.partial(digest);
    const writer = await this.#writer({ key: digest, path, digest, size, signal, isThere: () => this.stat(digest) !== undefined });
    return writer;
  }

  async upload(session: string, { signal }: { signal: AbortSignal }): Promise<BlobWriter> {
    const path = this.#paths.session(session);
    const writer = await this.#writer({ key: path, path, digest: undefined, size: undefined, signal, isThere: () => false });
    if (writer === undefined) throw new Error('bug: an upload was there already');
    return writer;
  }

  isBusy(digest: string): boolean {
    return this.#busy.has(digest);
  }

  watch(digest: string, onSize: (size: number) => void): Disposable {
    return this.#growths.listen(digest, ({ size, state }) => {
      if (state !== 'lost') onSize(size);
    });
  }

  async openGrowing(digest: string, { signal }: { signal: AbortSignal }): Promise<GrowingFile> {
    return await openGrowing({ digest, signal, growths: this.#growths, find: () => this.#find(digest) });
  }

  lease(): ContentLease {
    const digests = new Set<string>();
    return {
      digests,
      hold: (digest) => {
        if (!digests.has(digest)) this.#holds.set(digest, (this.#holds.get(digest) ?? 0) + 1);
        digests.add(digest);
        return this.stat(digest) !== undefined;
      },
      [Symbol.dispose]: () => {
        for (const digest of digests) {
          const left = (this.#holds.get(digest) ?? 1) - 1;
          if (left === 0) this.#holds.delete(digest);
          else this.#holds.set(digest, left);
        }
      },
    };
  }

  list(): BlobInfo[] {
    return readdirSync(this.#paths.blobs).flatMap((algorithm) =>
      readdirSync(join(this.#paths.blobs, algorithm)).flatMap((encoded) => this.stat(`${algorithm}:${encoded}`) ?? []),
    );
  }

  partials(): PartialBlob[] {
    return readdirSync(this.#paths.ingest).flatMap((name) => {
      const target = partialTarget(name);
      const path = join(this.#paths.ingest, name);
      const stats = target === undefined ? undefined : statOf(path);
      if (target === undefined || stats === undefined) return [];
      return [{ target, path, size: stats.size, modified: stats.mtimeMs, busy: this.#busy.has('digest' in target ? target.digest : path) }];
    });
  }

  collect(digests: Iterable<string> | undefined, isOwned: (digest: string) => boolean): BlobInfo[] {
    const candidates = digests === undefined ? this.list() : [...new Set(digests)].flatMap((digest) => this.stat(digest) ?? []);
    const going = candidates.filter(({ digest }) => !this.#holds.has(digest) && !isOwned(digest));
    for (const { digest } of going) rmSync(this.#paths.blob(digest), { force: true });
    return going;
  }

  dropPartials({ unusedFor, among }: { unusedFor: number; among?: ReadonlySet<string> }): PartialBlob[] {
    const newest = Date.now() - unusedFor;
    const isMeant = ({ target }: PartialBlob): boolean => among === undefined || ('digest' in target && among.has(target.digest));
    const going = this.partials().filter((partial) => !partial.busy && partial.modified <= newest && isMeant(partial));
    for (const { path } of going) rmSync(path, { force: true });
    return going;
  }

  repair(): void {
    for (const name of readdirSync(this.#paths.ingest)) {
      if (partialTarget(name) === undefined) rmSync(join(this.#paths.ingest, name), { recursive: true, force: true });
    }
  }

  async #writer(options: { key: string; path: string; digest: string | undefined; size: number | undefined; signal: AbortSignal; isThere: () => boolean }): Promise<FileWriter | undefined> {
    const { key, path, digest, size, signal } = options;
    if (options.isThere()) return undefined;
    const place = await this.#writers.acquire(key, signal);
    if (options.isThere()) {
      place[Symbol.dispose]();
      return undefined;
    }
    this.#busy.add(key);
    const release = (): void => {
      this.#busy.delete(key);
      place[Symbol.dispose]();
    };
    const onGrowth = digest === undefined ? (): void => undefined : this.#growths.tell.bind(this.#growths, digest);
    return await FileWriter.open({ path, blobPath: (whole) => this.#blobPath(whole), digest, size, signal, onGrowth, release });
  }

  /** The file of a blob or of what there is of it. */
  #find(digest: string): { path: string; size: number } | undefined {
    for (const path of [this.#paths.blob(digest), this.#paths.partial(digest)]) {
      const stats = statOf(path);
      if (stats !== undefined) return { path, size: stats.size };
    }
    return undefined;
  }

  /** Where a blob goes, with its directory made. */
  #blobPath(digest: string): string {
    const path = this.#paths.blob(digest);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return path;
  }
}

function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}
