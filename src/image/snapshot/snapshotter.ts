/** Chooses how the file systems of containers are made. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { fail, messageOf } from '#base/errors/failure.ts';
import { unmount } from '#kernel/mounts.ts';
import { mountOverlay } from '#kernel/overlay-mount.ts';
import type { Snapshotter } from '../contract.ts';
import type { LayerStore } from '../layer/contract.ts';
import { OverlaySnapshotter } from './overlay-snapshotter.ts';
import { VfsSnapshotter } from './vfs-snapshotter.ts';

export interface SnapshotterOptions {
  readonly dataRoot: string;
  /** Undefined: overlay2 where it works, else vfs. */
  readonly driver?: Snapshotter['driver'] | undefined;
  readonly layers: LayerStore;
}

/**
 * Disposing waits for deletions in the background; snapshots and mounts stay.
 * @throws snapshot.overlay_unsupported when overlay2 is asked for and cannot be had
 */
export function createSnapshotter({ dataRoot, driver, layers }: SnapshotterOptions): Snapshotter & AsyncDisposable {
  mkdirSync(dataRoot, { recursive: true, mode: 0o710 });
  // The kernel shows mounts by their real paths.
  const root = realpathSync(dataRoot);
  const fault = driver === 'vfs' ? undefined : overlayFault(root);
  if (driver === 'vfs' || (driver === undefined && fault !== undefined)) return new VfsSnapshotter(root, layers);
  if (fault !== undefined) throw fail('snapshot.overlay_unsupported', { path: dataRoot, reason: fault });
  return new OverlaySnapshotter(root, layers);
}

/** Why no overlay with a writable layer can be mounted below `dataRoot`; undefined when it can. */
export function overlayFault(dataRoot: string): string | undefined {
  const home = mkdtempSync(`${dataRoot}/overlay-check-`);
  try {
    for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(`${home}/${name}`);
    writeFileSync(`${home}/lower/file`, '');
    mountOverlay({ home, lower: ['lower'], upper: 'upper', work: 'work', target: 'merged' });
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
