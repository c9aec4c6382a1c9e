/**
 * The layer store. A layer is there when its directory below `layerdb` is: everything else is made
 * before that last rename, and taken away after it is undone.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { fail, invariant } from '#base/errors/failure.ts';
import { chainIdOver } from '#oci/chain-id.ts';
import { AsyncRingWriter } from './byte-ring.ts';
import { compressedLayer } from './compressed-layer.ts';
import type { AppliedLayer, ApplyOptions, CompressedLayer, GrowingArchive, Layer, LayerDirectory, LayerStore, StagedLayer } from './contract.ts';
import { decompress, type ArchiveBytes } from './decompress.ts';
import { GzipProgram } from './gzip-program.ts';
import { removeLink, writeLink } from './layer-links.ts';
import { directoryName, LayerPaths, newDirectoryName, newLinkName } from './layer-paths.ts';
import { readLayerRecords, recipeName, writeLayerRecord, type LayerRecord } from './layer-records.ts';
import { JobStopped, LayerWorkers } from './layer-workers.ts';
import { makeRoot } from './make-root.ts';
import { packedBytes } from './packed-bytes.ts';
import { RemovalQueue } from './removal-queue.ts';
import { unpackFile } from './unpack-file.ts';
import { removeUnpacked, UnpackedLayer, type UnpackedPaths } from './unpacked-layer.ts';
import type { PackedLayer, UnpackResult } from './worker-messages.ts';

export interface LayerStoreOptions {
  readonly dataRoot: string;
  /** Compresses layers; unless given, the system's igzip where there is one. */
  readonly gzip?: GzipProgram;
}

/** As many as a mount over all of them can have. Docker's text is used for more. */
const depthLimit = 127;

/** Opens the store below `dataRoot`, making its directories. One store per data root and process. @throws store.damaged */
export function createLayerStore({ dataRoot, gzip = new GzipProgram() }: LayerStoreOptions): StoredLayers {
  return new StoredLayers(new LayerPaths(dataRoot), gzip);
}

/** The store on disk. Besides {@link LayerStore} it tells what a copying snapshotter needs. */
export class StoredLayers implements LayerStore {
  readonly #paths: LayerPaths;
  readonly #layers = new Map<string, LayerRecord>();
  readonly #uses = new Map<string, number>();
  readonly #workers = new LayerWorkers();
  readonly #gzip: GzipProgram;
  readonly #removals: RemovalQueue;
  /** Places where layers are unpacked that are not the store's yet, by name. */
  readonly #staged = new Map<string, UnpackedPaths>();

  constructor(paths: LayerPaths, gzip: GzipProgram) {
    this.#paths = paths;
    this.#gzip = gzip;
    this.#removals = new RemovalQueue(paths.removing);
    mkdirSync(paths.home, { recursive: true, mode: 0o710 });
    mkdirSync(paths.links, { recursive: true, mode: 0o700 });
    mkdirSync(paths.records, { recursive: true, mode: 0o700 });
    mkdirSync(paths.unfinishedRecords, { recursive: true, mode: 0o700 });
    for (const record of readLayerRecords(paths)) this.#layers.set(record.chainId, record);
  }

  async apply(parent: string | undefined, archive: Readable, options: ApplyOptions): Promise<AppliedLayer> {
    const stop = (): void => void archive.destroy(options.signal.reason instanceof Error ? options.signal.reason : new Error('aborted'));
    options.signal.addEventListener('abort', stop, { once: true });
    try {
      options.signal.throwIfAborted();
      if (parent !== undefined) this.#checkDepth(this.#layer(parent));
      using _parent = this.#use(parent);
      const bytes = await decompress(archive, options);
      const expected = options.expectedDiffId;
      const known = expected === undefined ? undefined : this.#layers.get(chainIdOver(parent, expected));
      if (known !== undefined) return await this.#drain(known, bytes, options);
      await using unpacked = await this.#unpack(bytes, options);
      if (expected !== undefined && expected !== unpacked.diffId) throw fail('layer.digest_mismatch', { expected, actual: unpacked.diffId });
      options.signal.throwIfAborted();
      return this.adopt(parent, unpacked);
    } catch (error) {
      archive.destroy();
      // A stream that is destroyed tells its readers that, not why.
      options.signal.throwIfAborted();
      throw error;
    } finally {
      options.signal.removeEventListener('abort', stop);
    }
  }

  async stage(archive: AsyncIterable<Uint8Array>, options: Pick<ApplyOptions, 'signal' | 'maximumSize' | 'onProgress'>): Promise<StagedLayer> {
    options.signal.throwIfAborted();
    return await this.#unpack(await decompress(archive, options), options);
  }

  async stageFile(archive: GrowingArchive, options: ApplyOptions): Promise<StagedLayer | undefined> {
    options.signal.throwIfAborted();
    const { name, paths } = this.#newPlace();
    try {
      const result = await unpackFile(this.#workers, archive, { ...options, directory: paths.directory, recipePath: `${paths.recordDirectory}/${recipeName}` });
      if (result !== undefined) {
        const { expectedDiffId = result.diffId } = options;
        if (expectedDiffId !== result.diffId) throw fail('layer.digest_mismatch', { expected: expectedDiffId, actual: result.diffId });
        return new UnpackedLayer({ name, paths, result, archive }, async () => await this.#unstage(name));
      }
    } catch (error) {
      await this.#unstage(name);
      throw error;
    }
    await this.#unstage(name);
    return undefined;
  }

  adopt(parent: string | undefined, staged: StagedLayer): AppliedLayer {
    invariant(staged instanceof UnpackedLayer, 'a layer is adopted that another store has unpacked');
    if (parent !== undefined) this.#checkDepth(this.#layer(parent));
    const { diffId, size, tarLength, whiteouts, opaque, replaced } = staged.result;
    const chainId = chainIdOver(parent, diffId);
    const { archiveDigest, archiveSize } = staged;
    const present = this.#layers.get(chainId);
    if (present !== undefined) return { ...viewOf(present), archiveDigest, archiveSize, created: false };
    const record: LayerRecord = { chainId, diffId, parent, size, name: staged.name, link: newLinkName(), tarLength, whiteouts, opaque, replaced };
    this.#commit(record, staged.paths);
    return { ...viewOf(record), archiveDigest, archiveSize, created: true };
  }

  get(chainId: string): Layer | undefined {
    const record = this.#layers.get(chainId);
    return record === undefined ? undefined : viewOf(record);
  }

  list(): Layer[] {
    return [...this.#layers.values()].map(viewOf);
  }

  async remove(chainId: string): Promise<void> {
    const record = this.#layers.get(chainId);
    if (record === undefined) return;
    for (const other of this.#layers.values()) {
      if (other.parent === chainId) throw fail('layer.has_child', { chainId, child: other.chainId });
    }
    if (this.#uses.has(chainId)) throw fail('layer.in_use', { chainId });
    this.#layers.delete(chainId);
    this.#removals.discard(this.#paths.record(chainId));
    this.#removeDirectory(record.name);
    this.#removeDirectory(`${record.name}-init`);
    await this.#removals.idle();
  }

  async tarStream(chainId: string, { signal }: { signal: AbortSignal }): Promise<Readable> {
    signal.throwIfAborted();
    const record = this.#layer(chainId);
    return Readable.from(this.#pack(record, signal), { objectMode: false, signal });
  }

  gzipStream(chainId: string, { signal }: { signal: AbortSignal }): CompressedLayer {
    signal.throwIfAborted();
    const record = this.#layer(chainId);
    const compressed = compressedLayer({ workers: this.#workers, gzip: this.#gzip, layer: this.#packed(record), tarLength: record.tarLength, signal });
    return { ...compressed, bytes: this.#using(record, compressed.bytes) };
  }

  tarLength(chainId: string): number {
    return this.#layer(chainId).tarLength;
  }

  directories(chainId: string): LayerDirectory[] {
    return this.records(chainId).map(({ name, link, whiteouts, opaque }) => ({ name, link, whiteouts, opaque }));
  }

  /** The layer and all below it, topmost first. @throws layer.not_found */
  records(chainId: string): LayerRecord[] {
    const records: LayerRecord[] = [];
    for (let next: string | undefined = chainId; next !== undefined; ) {
      const record: LayerRecord = this.#layer(next);
      records.push(record);
      next = record.parent;
    }
    return records;
  }

  underWay(): string[] {
    return [this.#paths.removing, ...[...this.#staged.values()].flatMap(({ directory, recordDirectory }) => [directory, recordDirectory])];
  }

  async repair(): Promise<void> {
    this.#removals.discard(this.#paths.unpacking);
    for (const name of readdirSync(this.#paths.unfinishedRecords)) this.#removals.discard(`${this.#paths.unfinishedRecords}/${name}`);
    const known = new Set([...this.#layers.values()].map(({ name }) => name));
    for (const name of readdirSync(this.#paths.home)) {
      const isLayer = directoryName.test(name) && existsSync(`${this.#paths.layer(name)}/committed`);
      if (isLayer && !known.has(name)) this.#removals.discard(this.#paths.layer(name));
    }
    for (const link of readdirSync(this.#paths.links)) {
      const path = `${this.#paths.links}/${link}`;
      if (!existsSync(path)) unlinkSync(path);
    }
    await this.#removals.repair();
  }

  #layer(chainId: string): LayerRecord {
    const record = this.#layers.get(chainId);
    if (record === undefined) throw fail('layer.not_found', { chainId });
    return record;
  }

  #checkDepth(parent: LayerRecord): void {
    if (this.records(parent.chainId).length >= depthLimit) throw fail('layer.too_deep');
  }

  /** Keeps a layer from being removed. */
  #use(chainId: string | undefined): Disposable {
    if (chainId === undefined) return { [Symbol.dispose]: () => undefined };
    this.#uses.set(chainId, (this.#uses.get(chainId) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        const left = (this.#uses.get(chainId) ?? 1) - 1;
        if (left === 0) this.#uses.delete(chainId);
        else this.#uses.set(chainId, left);
      },
    };
  }

  /** Reads an archive of a layer that is there, only to verify it. */
  async #drain(record: LayerRecord, bytes: ArchiveBytes, { maximumSize = Infinity }: ApplyOptions): Promise<AppliedLayer> {
    const hash = createHash('sha256');
    let length = 0;
    for await (const chunk of bytes.chunks) {
      hash.update(chunk);
      length += chunk.length;
      if (length > maximumSize) throw fail('layer.too_large', { maximum: maximumSize });
    }
    const actual = `sha256:${hash.digest('hex')}`;
    if (actual !== record.diffId) throw fail('layer.digest_mismatch', { expected: record.diffId, actual });
    const { digest, size } = bytes.measured();
    return { ...viewOf(record), archiveDigest: digest ?? record.diffId, archiveSize: size, created: false };
  }

  async #unpack(bytes: ArchiveBytes, options: ApplyOptions): Promise<UnpackedLayer> {
    const { name, paths } = this.#newPlace();
    try {
      const result = await this.#feed(paths, bytes, options);
      return new UnpackedLayer({ name, paths, result, archive: bytes.measured() }, async () => await this.#unstage(name));
    } catch (error) {
      await this.#unstage(name);
      throw error;
    }
  }

  async #unstage(name: string): Promise<void> {
    const paths = this.#staged.get(name);
    if (paths !== undefined) await removeUnpacked(paths, this.#removals);
    this.#staged.delete(name);
  }

  #newPlace(): { readonly name: string; readonly paths: UnpackedPaths } {
    const name = newDirectoryName();
    const paths = { directory: `${this.#paths.unpacking}/${name}`, recordDirectory: `${this.#paths.unfinishedRecords}/${name}` };
    mkdirSync(paths.directory, { recursive: true, mode: 0o710 });
    makeRoot(`${paths.directory}/diff`);
    mkdirSync(paths.recordDirectory, { mode: 0o700 });
    this.#staged.set(name, paths);
    return { name, paths };
  }

  async #feed(paths: UnpackedPaths, bytes: ArchiveBytes, options: ApplyOptions): Promise<UnpackResult> {
    using taken = this.#workers.rings.take();
    const ring = new AsyncRingWriter(taken.memory);
    const unpacked = this.#workers.run({
      kind: 'unpack',
      ring: taken.memory,
      directory: paths.directory,
      recipePath: `${paths.recordDirectory}/${recipeName}`,
      maximumSize: options.maximumSize ?? Infinity,
      removed: options.removed,
    });
    // A worker that dies must not leave the feeding waiting for room.
    unpacked.catch(() => ring.break());
    let failure: unknown;
    let length = 0;
    try {
      for await (const chunk of bytes.chunks) {
        if (!(await ring.write(chunk))) break;
        length += chunk.length;
      }
      ring.end();
    } catch (error) {
      failure = error;
      ring.break();
    }
    try {
      const result = await unpacked;
      invariant(result?.tarLength === length, `of ${length} bytes ${result?.tarLength} were unpacked`);
      return result;
    } catch (error) {
      throw error instanceof JobStopped ? (failure ?? error) : error;
    }
  }

  #commit(record: LayerRecord, { directory, recordDirectory }: UnpackedPaths): void {
    const { name, link, parent, chainId } = record;
    const lower = parent === undefined ? [] : this.directories(parent).map((layer) => layer.link);
    writeLink(this.#paths, { directory, name, link, lower });
    if (parent !== undefined) mkdirSync(`${directory}/work`, { mode: 0o700 });
    writeFileSync(`${directory}/committed`, '', { mode: 0o600 });
    writeLayerRecord(recordDirectory, record);
    renameSync(directory, this.#paths.layer(name));
    renameSync(recordDirectory, this.#paths.record(chainId));
    this.#layers.set(chainId, record);
  }

  #removeDirectory(name: string): void {
    removeLink(this.#paths, name);
    this.#removals.discard(this.#paths.layer(name));
  }

  #packed({ name, chainId, diffId, replaced }: LayerRecord): PackedLayer {
    return { directory: this.#paths.layer(name), recipePath: `${this.#paths.record(chainId)}/${recipeName}`, diffId, replaced };
  }

  #pack(record: LayerRecord, signal: AbortSignal): AsyncGenerator<Buffer, void> {
    const { tarLength } = record;
    const bytes = packedBytes(this.#workers, { layer: this.#packed(record), signal }, (_result, length) =>
      invariant(length === tarLength, `of ${tarLength} bytes of a layer ${length} were read`),
    );
    return this.#using(record, bytes);
  }

  async *#using(record: LayerRecord, bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
    using _layer = this.#use(record.chainId);
    yield* bytes;
  }
}

function viewOf({ chainId, diffId, parent, size }: LayerRecord): Layer {
  return { chainId, diffId, parent, size };
}
