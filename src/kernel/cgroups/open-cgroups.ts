/** Chooses how this machine's cgroups are managed. */
import { fail } from '#base/errors/failure.ts';
import type { CgroupManager } from './contract.ts';
import { findCgroupMounts, type CgroupMounts } from './hierarchies.ts';
import { versionOneManager } from './version-one.ts';
import { versionTwoManager } from './version-two.ts';

/**
 * Version 1 wherever one of its controllers is mounted, also beside a unified hierarchy; else version 2.
 * @throws kernel.cgroups_missing
 */
export function openCgroups(mounts: CgroupMounts = findCgroupMounts()): CgroupManager {
  const controlled = mounts.hierarchies.some((hierarchy) => hierarchy.controllers.some((name) => !name.startsWith('name=')));
  if (controlled) return versionOneManager(mounts.hierarchies, mounts.unified);
  if (mounts.unified === undefined) throw fail('kernel.cgroups_missing');
  return versionTwoManager(mounts.unified);
}
