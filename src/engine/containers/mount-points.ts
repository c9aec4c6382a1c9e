/** Makes the places that a container's mounts go to where its image has none, as runc makes them. */
import { lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { rootOnHost } from '#base/identity-mapping.ts';
import { actingAs } from '#kernel/file-identity.ts';
import { makeMountPoint } from '#kernel/make-mount-point.ts';
import { placeInRoot } from '#kernel/place-in-root.ts';
import type { Remapping } from '#kernel/user-namespace.ts';
import type { SpecificationMount } from '#runtime/specification/types.ts';

/** What the runtime mounts itself, and makes places in. */
const ownPlaces = ['/proc', '/sys', '/dev'];

/** @param mounts of the container, its tmpfs too. What cannot be made is left to the runtime to tell. @throws kernel.syscall_failed */
export function makeMountPoints(rootfs: string, mounts: readonly Pick<SpecificationMount, 'destination' | 'source' | 'type' | 'options'>[], remapping: Remapping | undefined): void {
  if (mounts.length === 0) return;
  const ordered = mounts.map((mount) => ({ ...mount, destination: join('/', mount.destination) })).sort((left, right) => left.destination.length - right.destination.length);
  actingAs(remapping && rootOnHost(remapping.mapping), () => {
    for (const [index, mount] of ordered.entries()) {
      const { destination } = mount;
      if (destination === '/' || ownPlaces.some((place) => isWithin(destination, place))) continue;
      const kind = mount.type === 'bind' && !statSync(mount.source).isDirectory() ? 'file' : 'directory';
      const outer = ordered.slice(0, index).findLast((other) => other.destination !== destination && isWithin(destination, other.destination));
      if (outer === undefined) makeMountPoint(rootfs, placeInRoot(rootfs, destination), kind);
      else if (outer.type === 'bind' && !outer.options.includes('ro') && !outer.options.includes('rro')) {
        const rest = destination.slice(outer.destination.length);
        // A link leads somewhere in the container, not in what is mounted.
        if (!hasLinks(outer.source, rest)) makeMountPoint(outer.source, rest, kind);
      }
    }
  });
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

function hasLinks(base: string, path: string): boolean {
  let here = base;
  for (const name of path.split('/').filter((part) => part !== '')) {
    here = join(here, name);
    const found = lstatSync(here, { throwIfNoEntry: false });
    if (found === undefined) return false;
    if (found.isSymbolicLink()) return true;
  }
  return false;
}
