/** Whether mounts that are made in one place are seen in others (mount_namespaces(7), shared subtrees). */
import { realpath } from 'node:fs/promises';
import { readMounts } from './mounts.ts';

export interface Propagation {
  /** Where what is at the path is mounted. */
  readonly mountPoint: string;
  /** Passes mounts on. */
  readonly shared: boolean;
  /** Is passed mounts on to. */
  readonly slave: boolean;
}

/** Of the mount that shows `path`, links followed. @throws what realpath(3) fails with */
export async function propagationAt(path: string): Promise<Propagation> {
  const real = await realpath(path);
  const above = readMounts().filter(({ mountPoint }) => mountPoint === '/' || real === mountPoint || real.startsWith(`${mountPoint}/`));
  // The last of those at one place is on top.
  const found = above.reduce((best, mount) => (mount.mountPoint.length >= best.mountPoint.length ? mount : best), { mountPoint: '', propagation: [] as readonly string[] });
  const has = (prefix: string): boolean => found.propagation.some((field) => field.startsWith(prefix));
  return { mountPoint: found.mountPoint, shared: has('shared:'), slave: has('master:') };
}
