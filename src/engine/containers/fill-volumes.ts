/**
 * Copy-up: a volume that is empty gets what the image has at its place, with owners and modes, when its
 * container is made. A crash in the middle leaves the volume empty, not half full.
 */
import { statSync } from 'node:fs';
import { fail } from '#base/errors/failure.ts';
import { copyDirectoryFromRoot } from '#kernel/copy-directory.ts';
import { resolveInRoot } from '#kernel/resolve-in-root.ts';
import type { EngineParts } from './engine-parts.ts';
import type { PlannedMount } from './planned-mount.ts';
import { resolveSubpath } from './resolve-subpath.ts';

type FillParts = Pick<EngineParts, 'snapshotter' | 'volumes' | 'references'>;

/** For a container that does not run. @throws volume and mount errors with Docker's texts */
export async function fillVolumes(parts: FillParts, id: string, mounts: readonly PlannedMount[]): Promise<void> {
  const wanted = mounts.filter(({ copyUp, point }) => copyUp && point.Type === 'volume');
  if (wanted.length === 0) return;
  const rootfs = await parts.snapshotter.mount(id);
  try {
    for (const mount of wanted) await fillVolume(parts, { id, rootfs, mount });
  } finally {
    await parts.snapshotter.unmount(id);
  }
}

/** @param target.rootfs the container's mounted file system */
export async function fillVolume({ volumes, references }: FillParts, { id, rootfs, mount }: { id: string; rootfs: string; mount: PlannedMount }): Promise<void> {
  const { Destination, Name = '' } = mount.point;
  const source = resolveInRoot(rootfs, Destination);
  if (source === undefined) return;
  const user = `${id}:fill`;
  const mountpoint = await volumes.mount(Name, user);
  try {
    const directory = mount.subpath === undefined ? mountpoint : resolveSubpath(mountpoint, mount.subpath);
    if (!statSync(directory).isDirectory()) return;
    await volumes.fill(Name, { root: mountpoint, directory }, {
      isShared: () => references.usersOf(Name).some((other) => other !== id),
      copy: async (destination) => {
        if (!statSync(source).isDirectory()) throw fail('mount.copy_onto_file', { path: source });
        await copyDirectoryFromRoot(rootfs, Destination, destination);
      },
    });
  } finally {
    await volumes.unmount(Name, user);
  }
}
