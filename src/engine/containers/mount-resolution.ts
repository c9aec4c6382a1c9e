/** Makes the planned mounts of a container ready for a start: volumes mounted and filled, sources made, subpaths checked. */
import { readdirSync, realpathSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '#base/errors/failure.ts';
import { copyDirectoryFromRoot } from '#kernel/copy-directory.ts';
import { bindOptions } from '#runtime/specification/mounts.ts';
import { tmpfsMount } from '#runtime/specification/tmpfs-options.ts';
import type { SpecificationMount } from '#runtime/specification/types.ts';
import type { VolumeStore } from '#volume/contract.ts';
import type { PlannedMount } from './planned-mount.ts';

export interface MountFacts {
  readonly containerId: string;
  /** Mounted root file system, whose content new volumes get. */
  readonly rootfs: string;
  readonly recursiveReadonly: boolean;
}

/** @throws volume and mount errors with Docker's texts; volumes mounted before are given back by {@link releaseMounts} */
export async function resolveMounts(mounts: readonly PlannedMount[], volumes: VolumeStore, facts: MountFacts): Promise<SpecificationMount[]> {
  const resolved: SpecificationMount[] = [];
  for (const mount of mounts) resolved.push(await resolveMount(mount, volumes, facts));
  return resolved;
}

/** Ends the use of volumes by a container. */
export async function releaseMounts(mounts: readonly PlannedMount[], volumes: VolumeStore, containerId: string): Promise<void> {
  for (const { point } of mounts) if (point.Type === 'volume' && point.Name !== undefined) await volumes.unmount(point.Name, containerId);
}

async function resolveMount(mount: PlannedMount, volumes: VolumeStore, facts: MountFacts): Promise<SpecificationMount> {
  const { point } = mount;
  if (point.Type === 'tmpfs') return tmpfsMount(point.Destination, [...(point.RW ? [] : ['ro']), ...(mount.tmpfsOptions ?? [])].join(','));
  const source = point.Type === 'volume' ? await volumeSource(mount, volumes, facts) : await bindSource(mount);
  const options = bindOptions({
    writable: point.RW,
    propagation: point.Type === 'volume' ? 'rprivate' : point.Propagation,
    nonRecursive: mount.nonRecursive,
    readonlyNonRecursive: mount.readonlyNonRecursive,
    // Nothing is mounted below a file, and crun 1.8 fails on one.
    recursiveReadonly: facts.recursiveReadonly && !point.RW && (await stat(source)).isDirectory(),
  });
  return { destination: point.Destination, type: 'bind', source, options };
}

/** Beside the event loop: a file server that does not answer holds up this start alone. */
async function bindSource(mount: PlannedMount): Promise<string> {
  const { Source } = mount.point;
  if (!(await exists(Source))) {
    if (!mount.makeSource) throw fail('mount.invalid', { type: 'bind', reason: `bind source path does not exist: ${Source}` });
    await mkdir(Source, { recursive: true, mode: 0o755 });
  }
  return Source;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(() => true, () => false);
}

async function volumeSource(mount: PlannedMount, volumes: VolumeStore, facts: MountFacts): Promise<string> {
  const { point, subpath } = mount;
  const mountpoint = await volumes.mount(point.Name ?? '', facts.containerId);
  if (mount.copyUp && subpath === undefined && readdirSync(mountpoint).length === 0) {
    await copyDirectoryFromRoot(facts.rootfs, point.Destination, mountpoint);
  }
  if (subpath === undefined) return mountpoint;
  const path = join(mountpoint, subpath);
  let real: string;
  try {
    real = realpathSync(path);
  } catch (error) {
    throw fail('mount.subpath_missing', { path, reason: 'no such file or directory' }, error);
  }
  const root = realpathSync(mountpoint);
  if (real !== root && !real.startsWith(`${root}/`)) throw fail('mount.subpath_missing', { path, reason: 'the path leads out of the volume' });
  return real;
}
