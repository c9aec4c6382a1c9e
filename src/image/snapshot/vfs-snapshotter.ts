/**
 * Snapshots by copying, for where overlay cannot be mounted: every container has the whole of its
 * image's files in a directory of its own, which needs no mounting.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { KeyedMutex } from '#base/keyed-mutex.ts';
import type { GraphDriverData } from '#schema/container-config.ts';
import type { ChangesArchive, FileChange, OwnedPath, Snapshotter, SnapshotOptions } from '../contract.ts';
import { archiveChanges, archiveStream } from '../layer/archive-stream.ts';
import type { LayerStore } from '../layer/contract.ts';
import { directoryName, LayerPaths, newDirectoryName } from '../layer/layer-paths.ts';
import { LayerWorkers } from '../layer/layer-workers.ts';
import { RemovalQueue } from '../layer/removal-queue.ts';
import { sizeOfLayers } from '../layer/size-of-layers.ts';
import { makeRoot } from '../layer/make-root.ts';
import { fillInitLayer } from './init-layer.ts';
import type { LayerLimits } from './layer-limits.ts';
import { SnapshotRecords, snapshotName, snapshotRecordsOf, type SnapshotRecord } from './snapshot-records.ts';
import { requireView, type RemappedView } from './remapped-view.ts';
import { treeUsage } from './tree-usage.ts';

/** Suffix of the file beside a snapshot whose time tells when it was complete. */
const stampSuffix = '.complete';
/** Longest step of the clock that file times are taken from. */
const clockStep = 20;

export class VfsSnapshotter implements Snapshotter, AsyncDisposable {
  readonly driver = 'vfs';
  readonly #home: string;
  readonly #preparing: string;
  readonly #layerPaths: LayerPaths;
  readonly #layers: LayerStore;
  readonly #records: SnapshotRecords;
  readonly #removals: RemovalQueue;
  readonly #mutex = new KeyedMutex();
  readonly #workers = new LayerWorkers();
  readonly #mounted = new Set<string>();

  readonly #remapped: RemappedView | undefined;

  readonly #limits: LayerLimits;

  constructor(dataRoot: string, layers: LayerStore, { remapped, limits }: { readonly remapped?: RemappedView | undefined; readonly limits: LayerLimits }) {
    this.#remapped = remapped;
    this.#limits = limits;
    this.#home = `${dataRoot}/vfs/dir`;
    this.#preparing = `${dataRoot}/vfs/.preparing`;
    this.#layerPaths = new LayerPaths(dataRoot);
    this.#layers = layers;
    this.#removals = new RemovalQueue(`${dataRoot}/vfs/.removing`);
    mkdirSync(this.#home, { recursive: true, mode: 0o710 });
    if (remapped !== undefined) chmodSync(this.#home, 0o711);
    this.#records = new SnapshotRecords(snapshotRecordsOf(dataRoot, this.driver));
  }

  async create(id: string, topLayer: string | undefined, options: SnapshotOptions = {}): Promise<void> {
    using _held = await this.#mutex.acquire(id);
    const record = this.#records.add(id, topLayer, options);
    const directory = `${this.#preparing}/${newDirectoryName()}`;
    try {
      mkdirSync(this.#preparing, { recursive: true, mode: 0o700 });
      makeRoot(directory);
      this.#limits.apply(directory, options.limit);
      const layers = topLayer === undefined ? [] : this.#layers.directories(topLayer).toReversed();
      await this.#workers.run({
        kind: 'copy',
        layers: layers.map(({ name, whiteouts, opaque }) => ({ tree: `${this.#layerPaths.layer(name)}/diff`, whiteouts, opaque })),
        target: directory,
      });
      if (options.plain !== true) fillInitLayer(directory);
      renameSync(directory, this.#root(record));
      writeFileSync(this.#stamp(record), '', { mode: 0o600 });
      // Later changes must have a later time.
      await delay(clockStep);
    } catch (error) {
      await this.#removals.delete(directory);
      this.#delete(record);
      throw error;
    }
  }

  limitOf(options: Readonly<Record<string, string>>): number | undefined {
    return this.#limits.read(options);
  }

  async mount(id: string): Promise<string> {
    using _held = await this.#mutex.acquire(id);
    const record = this.#records.get(id);
    this.#mounted.add(id);
    return record.remapped ? requireView(this.#remapped, id).of(this.#root(record)).home : this.#root(record);
  }

  async unmount(id: string): Promise<void> {
    this.#mounted.delete(id);
  }

  async remove(id: string): Promise<void> {
    using _held = await this.#mutex.acquire(id);
    this.#mounted.delete(id);
    if (this.#records.has(id)) this.#delete(this.#records.get(id));
  }

  ownedPaths(): OwnedPath[] {
    return this.#records.ids().flatMap((id) => {
      const record = this.#records.get(id);
      return [this.#root(record), this.#stamp(record), this.#records.pathOf(id)].map((path) => ({ path, kind: 'container', owner: id }));
    });
  }

  describe(id: string): GraphDriverData {
    this.#records.get(id);
    return { Name: this.driver, Data: null };
  }

  async usage(id: string): Promise<{ writable: number; total: number }> {
    const record = this.#records.get(id);
    const { ctimeNs: completed } = statSync(this.#stamp(record), { bigint: true });
    const writable = await treeUsage(this.#root(record), ({ ctimeNs }) => ctimeNs > completed);
    return { writable, total: writable + sizeOfLayers(this.#layers, record.topLayer) };
  }

  async changes(id: string): Promise<readonly FileChange[]> {
    return await this.#compare(id, { withLinks: false });
  }

  async #compare(id: string, { withLinks }: { withLinks: boolean }): Promise<readonly FileChange[]> {
    const record = this.#records.get(id);
    const layers = record.topLayer === undefined ? [] : this.#layers.directories(record.topLayer);
    // What every container gets beside its image's files.
    const added = `${this.#preparing}/${newDirectoryName()}`;
    mkdirSync(this.#preparing, { recursive: true, mode: 0o700 });
    try {
      makeRoot(added);
      if (!record.plain) fillInitLayer(added);
      return await this.#workers.run({
        kind: 'changes',
        tree: this.#root(record),
        whole: true,
        opaqueMarks: false,
        below: [...layers.map(({ name, whiteouts, opaque }) => ({ tree: `${this.#layerPaths.layer(name)}/diff`, whiteouts, opaque })), { tree: added, whiteouts: [], opaque: [], timeless: true }],
        withLinks,
      });
    } finally {
      await this.#removals.delete(added);
    }
  }

  async archiveChanges(id: string): Promise<ChangesArchive> {
    return archiveChanges(this.#workers, this.#root(this.#records.get(id)), await this.#compare(id, { withLinks: true }));
  }

  async archivePath(id: string, path: string): Promise<Readable> {
    return archiveStream(this.#workers, await this.mount(id), { path: Buffer.from(path).toString('latin1') });
  }

  isMounted(id: string): boolean {
    return this.#mounted.has(id);
  }

  async repair(known: ReadonlySet<string>, running: ReadonlySet<string>): Promise<void> {
    this.#mounted.clear();
    for (const id of this.#records.ids()) {
      if (!known.has(id)) await this.remove(id);
      else if (running.has(id)) this.#mounted.add(id);
    }
    // Even without its record a container's data is not to be deleted.
    const owned = new Set([...this.#records.ids(), ...known].map(snapshotName));
    for (const file of readdirSync(this.#home)) {
      const name = file.endsWith(stampSuffix) ? file.slice(0, -stampSuffix.length) : file;
      if (directoryName.test(name) && !owned.has(name)) this.#removals.discard(`${this.#home}/${file}`);
    }
    if (existsSync(this.#preparing)) this.#removals.discard(this.#preparing);
    await this.#removals.repair();
  }

  /** Resolves when everything removed is deleted. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#removals.idle();
  }

  #root({ name }: SnapshotRecord): string {
    return `${this.#home}/${name}`;
  }

  #stamp(record: SnapshotRecord): string {
    return this.#root(record) + stampSuffix;
  }

  #delete(record: SnapshotRecord): void {
    this.#removals.discard(this.#root(record));
    this.#removals.discard(this.#stamp(record));
    this.#records.delete(record.id);
  }
}
