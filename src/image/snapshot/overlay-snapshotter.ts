/**
 * Snapshots by overlay mounts, arranged as Docker's overlay2 driver arranges them: `diff` holds what a
 * container wrote, `merged` is its root while mounted. Between it and the image lies an init layer,
 * made once per image.
 */
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { KeyedMutex } from '#base/keyed-mutex.ts';
import { readMounts, unmount, unmountAsync } from '#kernel/mounts.ts';
import { failedWith } from '#kernel/failed-with.ts';
import { mountFuseOverlay } from '#kernel/fuse-overlay-mount.ts';
import { identifyUpper, mountOverlay, type OverlayMount } from '#kernel/overlay-mount.ts';
import type { GraphDriverData } from '#schema/container-config.ts';
import type { ChangesArchive, FileChange, OwnedPath, Snapshotter, SnapshotOptions } from '../contract.ts';
import { archiveChanges, archiveStream } from '../layer/archive-stream.ts';
import type { LayerDirectory, LayerStore } from '../layer/contract.ts';
import { LayerWorkers } from '../layer/layer-workers.ts';
import { readLink, removeLink, writeLink } from '../layer/layer-links.ts';
import { directoryName, LayerPaths, newLinkName } from '../layer/layer-paths.ts';
import { RemovalQueue } from '../layer/removal-queue.ts';
import { sizeOfLayers } from '../layer/size-of-layers.ts';
import { makeRoot } from '../layer/make-root.ts';
import type { LayerLimits } from './layer-limits.ts';
import { InitLayers } from './init-layers.ts';
import { SnapshotRecords, snapshotName, snapshotRecordsOf, type SnapshotRecord } from './snapshot-records.ts';
import { requireView, type RemappedView } from './remapped-view.ts';
import { treeUsage } from './tree-usage.ts';

/** Who mounts: the kernel, or a program. */
export interface OverlayMounter {
  readonly driver: 'overlay2' | 'fuse-overlayfs';
  readonly mount: (overlay: OverlayMount) => void | Promise<void>;
}

export const kernelMounter: OverlayMounter = { driver: 'overlay2', mount: mountOverlay };
export const fuseMounter: OverlayMounter = { driver: 'fuse-overlayfs', mount: mountFuseOverlay };

export class OverlaySnapshotter implements Snapshotter, AsyncDisposable {
  readonly driver: OverlayMounter['driver'];
  readonly #mounter: OverlayMounter;
  readonly #paths: LayerPaths;
  readonly #layers: LayerStore;
  readonly #records: SnapshotRecords;
  readonly #removals: RemovalQueue;
  readonly #mutex = new KeyedMutex();
  readonly #initLayers: InitLayers;
  readonly #workers = new LayerWorkers();
  readonly #remapped: RemappedView | undefined;

  readonly #limits: LayerLimits;

  constructor(dataRoot: string, layers: LayerStore, { mounter = kernelMounter, remapped, limits }: { readonly mounter?: OverlayMounter; readonly remapped?: RemappedView | undefined; readonly limits: LayerLimits }) {
    this.driver = mounter.driver;
    this.#mounter = mounter;
    this.#remapped = remapped;
    this.#limits = limits;
    this.#paths = new LayerPaths(dataRoot);
    this.#layers = layers;
    this.#removals = new RemovalQueue(this.#paths.removing);
    this.#initLayers = new InitLayers(this.#paths, this.#removals);
    mkdirSync(this.#paths.home, { recursive: true, mode: 0o710 });
    mkdirSync(this.#paths.links, { recursive: true, mode: 0o700 });
    this.#records = new SnapshotRecords(snapshotRecordsOf(dataRoot, mounter.driver));
  }

  async create(id: string, topLayer: string | undefined, options: SnapshotOptions = {}): Promise<void> {
    using _held = await this.#mutex.acquire(id);
    const lower = await this.#lowerLinks({ topLayer, plain: options.plain ?? false });
    const { name } = this.#records.add(id, topLayer, options);
    const directory = this.#paths.layer(name);
    try {
      // The root of a container has to get to its files; the data root is closed to everybody else.
      mkdirSync(directory, { mode: options.remapped === true ? 0o711 : 0o710 });
      this.#limits.apply(directory, options.limit);
      makeRoot(`${directory}/diff`);
      if (this.driver === 'overlay2') identifyUpper(`${directory}/diff`);
      mkdirSync(`${directory}/work`, { mode: 0o700 });
      mkdirSync(`${directory}/merged`, { mode: 0o700 });
      writeLink(this.#paths, { directory, name, link: newLinkName(), lower });
    } catch (error) {
      this.#delete(id, name);
      throw error;
    }
  }

  limitOf(options: Readonly<Record<string, string>>): number | undefined {
    return this.#limits.read(options);
  }

  async mount(id: string): Promise<string> {
    using _held = await this.#mutex.acquire(id);
    const record = this.#records.get(id);
    const { name } = record;
    const target = this.#merged(record);
    if (this.#isMounted(target)) return target;
    const lower = (await this.#lowerLinks(record)).map((link) => `l/${link}`);
    const { home } = this.#paths;
    const remapped = record.remapped ? requireView(this.#remapped, id).of(home) : undefined;
    await this.#mounter.mount({ home, lower, upper: `${name}/diff`, work: `${name}/work`, target: `${name}/merged`, remapped });
    return target;
  }

  async unmount(id: string): Promise<void> {
    using _held = await this.#mutex.acquire(id);
    if (!this.#records.has(id)) return;
    await this.#unmount(this.#merged(this.#records.get(id)));
  }

  async remove(id: string): Promise<void> {
    using _held = await this.#mutex.acquire(id);
    if (!this.#records.has(id)) return;
    const record = this.#records.get(id);
    await this.#unmount(this.#merged(record));
    this.#delete(id, record.name);
  }

  ownedPaths(): OwnedPath[] {
    const { links } = this.#paths;
    const directories = this.#records.ids().map((id) => ({ owner: id, name: this.#records.get(id).name }));
    const owned = [...directories, { owner: 'containers without an image', name: this.#initLayers.nameFor([]) }].flatMap(({ owner, name }) => {
      const link = readLink(this.#paths, name);
      return [this.#paths.layer(name), ...(link === undefined ? [] : [`${links}/${link}`])].map((path) => ({ path, kind: 'container', owner }));
    });
    return [...owned, ...this.#records.ids().map((id) => ({ path: this.#records.pathOf(id), kind: 'container', owner: id }))];
  }

  describe(id: string): GraphDriverData {
    const { name, topLayer } = this.#records.get(id);
    const { home } = this.#paths;
    const layers = this.#layerDirectories(topLayer);
    const lower = [this.#initLayers.nameFor(layers), ...layers.map((layer) => layer.name)];
    return {
      Name: this.driver,
      Data: {
        ID: id,
        LowerDir: lower.map((layer) => `${home}/${layer}/diff`).join(':'),
        MergedDir: `${home}/${name}/merged`,
        UpperDir: `${home}/${name}/diff`,
        WorkDir: `${home}/${name}/work`,
      },
    };
  }

  async usage(id: string): Promise<{ writable: number; total: number }> {
    const { name, topLayer } = this.#records.get(id);
    const writable = await treeUsage(`${this.#paths.layer(name)}/diff`);
    return { writable, total: writable + sizeOfLayers(this.#layers, topLayer) };
  }

  async changes(id: string): Promise<readonly FileChange[]> {
    return await this.#compare(id, { withLinks: false });
  }

  async #compare(id: string, { withLinks }: { withLinks: boolean }): Promise<readonly FileChange[]> {
    const { name, topLayer, plain } = this.#records.get(id);
    const layers = this.#layerDirectories(topLayer);
    const treeOf = (directory: string): string => `${this.#paths.layer(directory)}/diff`;
    const initLayer = plain && layers.length > 0 ? [] : [{ tree: treeOf(this.#initLayers.nameFor(layers)), whiteouts: [], opaque: [] }];
    return await this.#workers.run({
      kind: 'changes',
      tree: treeOf(name),
      whole: false,
      opaqueMarks: this.driver === 'fuse-overlayfs',
      below: [...initLayer, ...layers.map(({ name: layer, whiteouts, opaque }) => ({ tree: treeOf(layer), whiteouts, opaque }))],
      withLinks,
    });
  }

  async archiveChanges(id: string): Promise<ChangesArchive> {
    return archiveChanges(this.#workers, `${this.#paths.layer(this.#records.get(id).name)}/diff`, await this.#compare(id, { withLinks: true }));
  }

  async archivePath(id: string, path: string): Promise<Readable> {
    return archiveStream(this.#workers, await this.mount(id), { path: Buffer.from(path).toString('latin1') });
  }

  isMounted(id: string): boolean {
    return this.#records.has(id) && this.#isMounted(this.#merged(this.#records.get(id)));
  }

  async repair(known: ReadonlySet<string>, running: ReadonlySet<string>): Promise<void> {
    const { home } = this.#paths;
    const mounted = new Set([...running].filter((id) => known.has(id)).map((id) => `${home}/${snapshotName(id)}/merged`));
    for (const { mountPoint } of readMounts()) {
      if (mountPoint.startsWith(`${home}/`) && !mounted.has(mountPoint)) await unmountAsync(mountPoint);
    }
    for (const id of this.#records.ids()) if (!known.has(id)) await this.remove(id);
    // Even without its record a container's data is not to be deleted.
    const owned = new Set([...this.#records.ids(), ...known].map(snapshotName));
    for (const name of readdirSync(home)) {
      const wanted = this.#initLayers.isWanted(name) ?? (!directoryName.test(name) || owned.has(name) || existsSync(`${this.#paths.layer(name)}/committed`));
      if (!wanted) this.#removeDirectory(name);
    }
    this.#removals.discard(this.#initLayers.preparing);
    await this.#removals.repair();
  }

  /** Resolves when everything removed is deleted. Mounts stay. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#removals.idle();
  }

  #layerDirectories(topLayer: string | undefined): LayerDirectory[] {
    return topLayer === undefined ? [] : this.#layers.directories(topLayer);
  }

  /** Links of all that lies below a container's own layer, topmost first. */
  async #lowerLinks({ topLayer, plain }: Pick<SnapshotRecord, 'topLayer' | 'plain'>): Promise<string[]> {
    const layers = this.#layerDirectories(topLayer);
    const links = layers.map(({ link }) => link);
    // An overlay needs something to lie over.
    return plain && links.length > 0 ? links : [await this.#initLayers.linkFor(layers), ...links];
  }

  #merged({ name }: SnapshotRecord): string {
    return `${this.#paths.layer(name)}/merged`;
  }

  /** An overlay has a device number of its own. */
  #isMounted(target: string): boolean {
    try {
      const device = statSync(target, { throwIfNoEntry: false })?.dev;
      return device !== undefined && device !== statSync(this.#paths.home).dev;
    } catch (error) {
      // Of a program that has ended: it is mounted, and of no use.
      if (!failedWith(error, 'ENOTCONN')) throw error;
      unmount(target);
      return false;
    }
  }

  async #unmount(target: string): Promise<void> {
    if (this.#isMounted(target)) await unmountAsync(target);
  }

  #delete(id: string, name: string): void {
    this.#removeDirectory(name);
    this.#records.delete(id);
  }

  #removeDirectory(name: string): void {
    removeLink(this.#paths, name);
    this.#removals.discard(this.#paths.layer(name));
  }
}
