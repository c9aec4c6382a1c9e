/** Which users and groups of the host stand for those of containers (user_namespaces(7)); pure arithmetic. */
import { fail } from './errors/failure.ts';

/** A line of `/proc/PID/uid_map`. */
export interface IdentityRange {
  readonly containerId: number;
  readonly hostId: number;
  readonly size: number;
}

export interface IdentityMapping {
  readonly uids: readonly IdentityRange[];
  readonly gids: readonly IdentityRange[];
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** What the kernel shows in a user namespace for whom it has no number there. */
const nobody = 65534;

/** Whom an owner in a container is on the host. @throws kernel.identity_unmapped with Docker's text */
export function ownerOnHost(mapping: IdentityMapping, { uid, gid }: Owner): Owner {
  return { uid: onHost(mapping.uids, uid), gid: onHost(mapping.gids, gid) };
}

/** Whom an owner on the host is in a container: who is nobody there has the kernel's number for such. */
export function ownerInContainer(mapping: IdentityMapping, { uid, gid }: Owner): Owner {
  return { uid: inContainer(mapping.uids, uid), gid: inContainer(mapping.gids, gid) };
}

/** The container's root, on the host. */
export function rootOnHost(mapping: IdentityMapping): Owner {
  return ownerOnHost(mapping, { uid: 0, gid: 0 });
}

/** How many numbers, from 0 on, a container has. */
export function countOf(ranges: readonly IdentityRange[]): number {
  return ranges.reduce((end, { containerId, size }) => Math.max(end, containerId + size), 0);
}

function onHost(ranges: readonly IdentityRange[], id: number): number {
  const range = ranges.find(({ containerId, size }) => id >= containerId && id < containerId + size);
  if (range === undefined) throw fail('kernel.identity_unmapped', { id });
  return range.hostId + (id - range.containerId);
}

function inContainer(ranges: readonly IdentityRange[], id: number): number {
  const range = ranges.find(({ hostId, size }) => id >= hostId && id < hostId + size);
  return range === undefined ? nobody : range.containerId + (id - range.hostId);
}
