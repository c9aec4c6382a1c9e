/** Chooses how the file systems of containers are made. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { fail, messageOf } from '#base/errors/failure.ts';
import { setAttribute } from '#kernel/extended-attributes.ts';
import { makeNode, nodeKinds } from '#kernel/file-nodes.ts';
import { hasFuseOverlay, mountFuseOverlay } from '#kernel/fuse-overlay-mount.ts';
import { unmount } from '#kernel/mounts.ts';
import { openProjectQuotas, type ProjectNumbers } from '#kernel/project-quota.ts';
import type { Remapping } from '#kernel/user-namespace.ts';
import { mountOverlay } from '#kernel/overlay-mount.ts';
import type { Snapshotter } from '../contract.ts';
import type { LayerStore } from '../layer/contract.ts';
import { LayerLimits } from './layer-limits.ts';
import { fuseMounter, OverlaySnapshotter } from './overlay-snapshotter.ts';
import { snapshotRecordsOf } from './snapshot-records.ts';
import { openRemappedView, type RemappedView } from './remapped-view.ts';
import { VfsSnapshotter } from './vfs-snapshotter.ts';

type Driver = Snapshotter['driver'];

export interface SnapshotterOptions {
  readonly dataRoot: string;
  /** Undefined: the one that containers here have already, else the first of overlay2, fuse-overlayfs and vfs that works. */
  readonly driver?: Driver | undefined;
  readonly layers: LayerStore;
  /** For containers with users of their own, and where the view of the data root for them is mounted. */
  readonly remapping?: (Remapping & { readonly mountPoint: string }) | undefined;
  /** Numbers of projects, where limits are to be kept. */
  readonly projects?: ProjectNumbers | undefined;
  /** Bytes that the own layer of a container may take that asks for nothing; undefined: no limit. */
  readonly defaultSize?: number | undefined;
}

/**
 * Disposing waits for deletions in the background; snapshots and their mounts stay.
 * @throws snapshot.overlay_unsupported, snapshot.fuse_unsupported when they are asked for and cannot be had, snapshot.remapping_unsupported,
 * snapshot.several_drivers, snapshot.prior_driver_failed, snapshot.quotas_unsupported
 */
export async function createSnapshotter(options: SnapshotterOptions): Promise<Snapshotter & AsyncDisposable> {
  const { dataRoot, driver, layers, remapping } = options;
  mkdirSync(dataRoot, { recursive: true, mode: 0o710 });
  // The kernel shows mounts by their real paths.
  const root = realpathSync(dataRoot);
  if (remapping !== undefined) return createRemapped(root, { ...options, remapping });
  switch (driver ?? (await chooseDriver(root))) {
    case 'vfs':
      return new VfsSnapshotter(root, layers, { limits: limitsOf(root, 'vfs', options) });
    case 'fuse-overlayfs': {
      const fault = await fuseFault(root);
      if (fault !== undefined) throw fail('snapshot.fuse_unsupported', { path: dataRoot, reason: fault });
      return new OverlaySnapshotter(root, layers, { mounter: fuseMounter, limits: limitsOf(root, 'fuse-overlayfs', options) });
    }
    case 'overlay2': {
      const fault = overlayFault(root);
      if (fault !== undefined) throw fail('snapshot.overlay_unsupported', { path: dataRoot, reason: fault });
      return new OverlaySnapshotter(root, layers, { limits: limitsOf(root, 'overlay2', options) });
    }
  }
}

/** As Docker chooses: what is there is not left behind for another driver; that vfs was used does not count. */
async function chooseDriver(root: string): Promise<Driver> {
  const faults = { overlay2: () => overlayFault(root), 'fuse-overlayfs': async () => await fuseFault(root) } as const;
  const order = ['overlay2', 'fuse-overlayfs'] as const;
  const prior = order.filter((driver) => holdsEntries(snapshotRecordsOf(root, driver)));
  const [first, ...others] = prior;
  if (first !== undefined) {
    if (others.length > 0) throw fail('snapshot.several_drivers', { path: root, drivers: prior.join(', ') });
    const fault = await faults[first]();
    if (fault !== undefined) throw fail('snapshot.prior_driver_failed', { driver: first, reason: fault });
    return first;
  }
  for (const driver of order) if ((await faults[driver]()) === undefined) return driver;
  return 'vfs';
}

function holdsEntries(directory: string): boolean {
  return existsSync(directory) && readdirSync(directory).length > 0;
}

function limitsOf(root: string, driver: Driver, { projects, defaultSize }: Pick<SnapshotterOptions, 'projects' | 'defaultSize'>): LayerLimits {
  const home = driver === 'vfs' ? `${root}/vfs/dir` : `${root}/overlay2`;
  mkdirSync(home, { recursive: true, mode: 0o710 });
  const quotas = projects === undefined || driver === 'fuse-overlayfs' ? undefined : openProjectQuotas(home, projects);
  return new LayerLimits({ driver, quotas, standard: defaultSize });
}

function createRemapped(root: string, { dataRoot, driver, layers, remapping, ...sizes }: SnapshotterOptions & { readonly remapping: Remapping & { readonly mountPoint: string } }): Snapshotter & AsyncDisposable {
  if (driver === 'fuse-overlayfs') throw fail('snapshot.fuse_unsupported', { path: dataRoot, reason: 'it cannot show files with the owners that userns-remap asks for' });
  using opened = new DisposableStack();
  if (driver !== 'vfs') {
    const view = opened.use(openRemappedView(`${root}/overlay2`, remapping.mountPoint, remapping));
    const fault = overlayFault(`${root}/overlay2`, view);
    if (fault === undefined) return disposedWith(new OverlaySnapshotter(root, layers, { remapped: view, limits: limitsOf(root, 'overlay2', sizes) }), opened.move());
    if (driver !== undefined) throw fail('snapshot.overlay_unsupported', { path: dataRoot, reason: fault });
  }
  const view = opened.use(openRemappedView(`${root}/vfs`, remapping.mountPoint, remapping));
  return disposedWith(new VfsSnapshotter(root, layers, { remapped: view, limits: limitsOf(root, 'vfs', sizes) }), opened.move());
}

function disposedWith(snapshotter: Snapshotter & AsyncDisposable, further: Disposable): Snapshotter & AsyncDisposable {
  const dispose = snapshotter[Symbol.asyncDispose].bind(snapshotter);
  return Object.assign(snapshotter, {
    [Symbol.asyncDispose]: async () => {
      await dispose();
      further[Symbol.dispose]();
    },
  });
}

/** Why no overlay with a writable layer can be mounted below `dataRoot`; undefined when it can. */
export function overlayFault(dataRoot: string, view?: RemappedView): string | undefined {
  const home = mkdtempSync(`${dataRoot}/overlay-check-`);
  try {
    for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(`${home}/${name}`);
    writeFileSync(`${home}/lower/file`, '');
    mountOverlay({ home, lower: ['lower'], upper: 'upper', work: 'work', target: 'merged', remapped: view?.of(home) });
    try {
      // Deleting needs whiteouts, which not every file system can hold.
      rmSync(`${home}/merged/file`);
    } finally {
      unmount(`${home}/merged`);
    }
    return undefined;
  } catch (error) {
    return messageOf(error);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Why fuse-overlayfs cannot be used below `dataRoot`; undefined when it can. */
export async function fuseFault(dataRoot: string): Promise<string | undefined> {
  if (!hasFuseOverlay()) return 'there is no program fuse-overlayfs, or no /dev/fuse';
  const home = mkdtempSync(`${dataRoot}/overlay-check-`);
  try {
    for (const name of ['lower', 'hidden/directory', 'upper', 'work', 'merged']) mkdirSync(`${home}/${name}`, { recursive: true });
    for (const file of ['lower/file', 'hidden/whiteout', 'hidden/directory/file']) writeFileSync(`${home}/${file}`, '');
    // How layers say what they remove.
    const bytes = Buffer.from(home).toString('latin1');
    makeNode(`${bytes}/lower/whiteout`, nodeKinds.character);
    mkdirSync(`${home}/lower/directory`);
    setAttribute(`${bytes}/lower/directory`, 'trusted.overlay.opaque', Buffer.from('y'));
    await mountFuseOverlay({ home, lower: ['lower', 'hidden'], upper: 'upper', work: 'work', target: 'merged' });
    try {
      rmSync(`${home}/merged/file`);
      return existsSync(`${home}/merged/whiteout`) || existsSync(`${home}/merged/directory/file`) ? 'it shows files that a layer removes' : undefined;
    } finally {
      unmount(`${home}/merged`);
    }
  } catch (error) {
    return messageOf(error);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
