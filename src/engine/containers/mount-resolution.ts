/** Makes the planned mounts of a container ready for a start: volumes mounted and filled, sources made, subpaths checked. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, isFailure } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import { failedWith } from '#kernel/failed-with.ts';
import { makeDirectories } from '#kernel/make-directories.ts';
import { propagationAt } from '#kernel/mount-propagation.ts';
import { pinPath } from '#kernel/pinned-path.ts';
import { refuseOverProc } from '#kernel/refuse-over-proc.ts';
import { bindOptions } from '#runtime/specification/mounts.ts';
import { tmpfsMount } from '#runtime/specification/tmpfs-options.ts';
import type { SpecificationMount } from '#runtime/specification/types.ts';
import type { EngineParts } from './engine-parts.ts';
import type { PlannedMount } from './planned-mount.ts';
import { resolveSubpath } from './resolve-subpath.ts';

/** Where content comes from. */
export type MountSources = Pick<EngineParts, 'volumes' | 'snapshotter'>;

export interface MountFacts {
  readonly containerId: string;
  /** Mounted root file system. */
  readonly rootfs: string;
  readonly recursiveReadonly: boolean;
  /** Where `--tmpfs` mounts some. */
  readonly tmpfs?: readonly string[];
  /** Ends the waiting for a plugin. */
  readonly signal?: AbortSignal | undefined;
}

/** @throws volume and mount errors with Docker's texts; what was mounted before is given back by {@link releaseMounts} */
export async function resolveMounts(mounts: readonly PlannedMount[], sources: MountSources, facts: MountFacts): Promise<SpecificationMount[]> {
  const resolved: SpecificationMount[] = [];
  for (const destination of facts.tmpfs ?? []) refuseOverProc({ destination, rootfs: facts.rootfs });
  for (const mount of mounts) resolved.push(await resolveMount(mount, sources, facts));
  return resolved;
}

/**
 * Subpaths as they were found, whatever containers that share the volume rename or link meanwhile.
 * @param mounts what {@link resolveMounts} has made of `planned` @param pins.directory where they are shown until `pins.until` is disposed
 * @throws mount.subpath_escapes
 */
export function pinSubpaths(mounts: readonly SpecificationMount[], planned: readonly PlannedMount[], pins: { readonly directory: string; readonly until: DisposableStack }): SpecificationMount[] {
  return mounts.map((mount, index) => {
    const subpath = planned[index]?.subpath;
    if (subpath === undefined) return mount;
    const target = join(pins.directory, newIdentifier());
    try {
      pins.until.use(pinPath({ base: '/', real: mount.source, target }));
    } catch (error) {
      if (!failedWith(error, 'ELOOP', 'ENOENT', 'ENOTDIR')) throw error;
      throw fail('mount.subpath_escapes', { base: planned[index]?.point.Source, subpath }, error);
    }
    return { ...mount, source: target };
  });
}

/** Ends the use of volumes and images by a container. */
export async function releaseMounts(mounts: readonly PlannedMount[], { volumes, snapshotter }: MountSources, containerId: string): Promise<void> {
  for (const { point, image } of mounts) {
    if (point.Type === 'volume' && point.Name !== undefined) await volumes.unmount(point.Name, containerId);
    if (image !== undefined) await snapshotter.unmount(image.snapshot);
  }
}

export async function resolveMount(mount: PlannedMount, sources: MountSources, facts: MountFacts): Promise<SpecificationMount> {
  const { point } = mount;
  if (point.Type === 'tmpfs') {
    refuseOverProc({ destination: point.Destination, rootfs: facts.rootfs });
    return tmpfsMount(point.Destination, [...(point.RW ? [] : ['ro']), ...(mount.tmpfsOptions ?? [])].join(','));
  }
  refuseConflicts(mount);
  const source = point.Type === 'volume' ? await volumeSource(mount, sources, facts) : point.Type === 'image' ? await imageSource(mount, sources) : await bindSource(mount);
  refuseOverProc({ source, destination: point.Destination, rootfs: facts.rootfs });
  if (mount.propagationGiven === true) await refusePropagation(source, point.Propagation);
  if (mount.readonlyForceRecursive === true && !facts.recursiveReadonly) throw fail('mount.recursive_readonly_unsupported');
  const options = bindOptions({
    // The runtime makes what it binds writable otherwise.
    writable: point.RW && !(point.Type === 'volume' && isReadOnlyVolume(point.Name ?? '', sources)),
    propagation: point.Type === 'volume' ? 'rprivate' : point.Propagation,
    nonRecursive: mount.nonRecursive,
    readonlyNonRecursive: mount.readonlyNonRecursive,
    // Nothing is mounted below a file, and crun 1.8 fails on one.
    recursiveReadonly: facts.recursiveReadonly && !point.RW && (await stat(source)).isDirectory(),
  });
  return { destination: point.Destination, type: 'bind', source, options };
}

function refuseConflicts({ point, readonlyNonRecursive = false, readonlyForceRecursive = false }: PlannedMount): void {
  const conflict = (message: string): Error => fail('mount.bind_invalid', { message: `mount options conflict: ${message}` });
  if (readonlyNonRecursive && point.RW) throw conflict('!ReadOnly && BindOptions.ReadOnlyNonRecursive');
  if (readonlyForceRecursive && point.RW) throw conflict('!ReadOnly && BindOptions.ReadOnlyForceRecursive');
  if (readonlyNonRecursive && readonlyForceRecursive) throw conflict('ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive');
}

/** A propagation that its source cannot have would be silently without effect. */
async function refusePropagation(source: string, propagation: string): Promise<void> {
  if (!/shared|slave/.test(propagation)) return;
  const found = await propagationAt(source);
  const isEnough = found.shared || (found.slave && propagation.endsWith('slave'));
  if (!isEnough) throw fail('mount.not_propagating', { source, mountPoint: found.mountPoint, wanted: propagation.endsWith('slave') ? 'shared or slave' : 'shared' });
}

/** Beside the event loop: a file server that does not answer holds up this start alone. */
async function bindSource(mount: PlannedMount): Promise<string> {
  const { Source } = mount.point;
  if (!(await exists(Source))) {
    if (!mount.makeSource) throw fail('mount.invalid', { type: 'bind', reason: `bind source path does not exist: ${Source}` });
    try {
      await makeDirectories(Source, 0o755);
    } catch (error) {
      if (!isFailure(error, 'kernel.syscall_failed')) throw error;
      const { errno, path, reason } = error.details;
      throw fail(errno === 'ENOTDIR' ? 'mount.source_below_file' : 'mount.source_not_made', { source: Source, path, reason }, error);
    }
  }
  return Source;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(() => true, () => false);
}

async function volumeSource({ point, subpath }: PlannedMount, { volumes }: MountSources, { containerId, signal }: MountFacts): Promise<string> {
  const mountpoint = await volumes.mount(point.Name ?? '', containerId, signal);
  return subpath === undefined ? mountpoint : resolveSubpath(mountpoint, subpath);
}

async function imageSource({ image, subpath }: PlannedMount, { snapshotter }: MountSources): Promise<string> {
  const root = await snapshotter.mount(image?.snapshot ?? '');
  return subpath === undefined ? root : resolveSubpath(root, subpath);
}

function isReadOnlyVolume(name: string, { volumes }: MountSources): boolean {
  return (volumes.known(name)?.options?.['o'] ?? '').split(',').includes('ro');
}
