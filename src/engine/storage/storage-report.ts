/** `GET /system/fsck`: the owner of every file below the data root, what is damaged, and what waits. */
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ImageStore, OwnedPath, Snapshotter } from '#image/contract.ts';
import type { StorageReport } from '#schema/storage-report.ts';
import type { VolumeStore } from '#volume/contract.ts';
import type { ContainerRegistry } from '../containers/container-registry.ts';
import type { EnginePaths } from '../engine-paths.ts';
import { walkStorage } from './walk-storage.ts';

export interface StorageParts {
  readonly paths: EnginePaths;
  readonly registry: ContainerRegistry;
  readonly images: ImageStore;
  readonly snapshotter: Snapshotter;
  readonly volumes: VolumeStore;
  /** What builds have. */
  readonly builds: () => OwnedPath[];
}

export async function storageReport(parts: StorageParts, { deep, signal }: { deep: boolean; signal: AbortSignal }): Promise<StorageReport> {
  const { dataRoot } = parts.paths;
  const owned = [...parts.images.ownedPaths(), ...parts.snapshotter.ownedPaths(), ...volumePaths(parts.volumes), ...parts.builds(), ...(await containerPaths(parts))];
  const usage = await walkStorage(dataRoot, owned, signal);
  const damaged = await Array.fromAsync(parts.images.damaged({ deep, signal }));
  const unfinished = parts.images.unfinished().map(({ digest, bytes, modified, complete }) => (
    { Digest: digest, Bytes: bytes, AgeSeconds: Math.max(0, Math.round((Date.now() - modified) / 1000)), Complete: complete }));
  return { DataRoot: dataRoot, ...usage, Damaged: damaged, Unfinished: unfinished, Deep: deep };
}

function volumePaths(volumes: VolumeStore): OwnedPath[] {
  return volumes.local().map(({ name, mountpoint }) => ({ path: dirname(mountpoint), kind: 'volume', owner: name }));
}

/** A container's directory, and its logs apart. */
async function containerPaths({ registry, paths }: StorageParts): Promise<OwnedPath[]> {
  const owned: OwnedPath[] = [];
  for (const { id } of registry.all()) {
    const directory = paths.containerDirectory(id);
    for (const name of await readNames(directory)) {
      owned.push({ path: join(directory, name), kind: name.startsWith(`${id}-json.log`) ? 'container log' : 'container', owner: id });
    }
    owned.push({ path: directory, kind: 'container', owner: id });
  }
  return owned;
}

async function readNames(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    // Being made or removed just now.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
