/** Chooses how the file systems of containers are made. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { fail, messageOf } from '#base/errors/failure.ts';
import { unmount } from '#kernel/mounts.ts';
import type { Remapping } from '#kernel/user-namespace.ts';
import { mountOverlay } from '#kernel/overlay-mount.ts';
import type { Snapshotter } from '../contract.ts';
import type { LayerStore } from '../layer/contract.ts';
import { OverlaySnapshotter } from './overlay-snapshotter.ts';
import { openRemappedView, type RemappedView } from './remapped-view.ts';
import { VfsSnapshotter } from './vfs-snapshotter.ts';

export interface SnapshotterOptions {
  readonly dataRoot: string;
  /** Undefined: overlay2 where it works, else vfs. */
  readonly driver?: Snapshotter['driver'] | undefined;
  readonly layers: LayerStore;
  /** For containers with users of their own, and where the view of the data root for them is mounted. */
  readonly remapping?: (Remapping & { readonly mountPoint: string }) | undefined;
}

/**
 * Disposing waits for deletions in the background; snapshots and their mounts stay.
 * @throws snapshot.overlay_unsupported when overlay2 is asked for and cannot be had, snapshot.remapping_unsupported
 */
export function createSnapshotter({ dataRoot, driver, layers, remapping }: SnapshotterOptions): Snapshotter & AsyncDisposable {
  mkdirSync(dataRoot, { recursive: true, mode: 0o710 });
  // The kernel shows mounts by their real paths.
  const root = realpathSync(dataRoot);
  if (remapping !== undefined) return createRemapped(root, { dataRoot, driver, layers, remapping });
  const fault = driver === 'vfs' ? undefined : overlayFault(root);
  if (driver === 'vfs' || (driver === undefined && fault !== undefined)) return new VfsSnapshotter(root, layers);
  if (fault !== undefined) throw fail('snapshot.overlay_unsupported', { path: dataRoot, reason: fault });
  return new OverlaySnapshotter(root, layers);
}

function createRemapped(root: string, { dataRoot, driver, layers, remapping }: SnapshotterOptions & { readonly remapping: Remapping & { readonly mountPoint: string } }): Snapshotter & AsyncDisposable {
  using opened = new DisposableStack();
  if (driver !== 'vfs') {
    const view = opened.use(openRemappedView(`${root}/overlay2`, remapping.mountPoint, remapping));
    const fault = overlayFault(`${root}/overlay2`, view);
    if (fault === undefined) return disposedWith(new OverlaySnapshotter(root, layers, view), opened.move());
    if (driver !== undefined) throw fail('snapshot.overlay_unsupported', { path: dataRoot, reason: fault });
  }
  const view = opened.use(openRemappedView(`${root}/vfs`, remapping.mountPoint, remapping));
  return disposedWith(new VfsSnapshotter(root, layers, view), opened.move());
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
