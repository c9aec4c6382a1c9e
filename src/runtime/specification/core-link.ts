/**
 * The link /dev/core. runc, and so Docker, makes it where the kernel has /proc/kcore; crun makes it always. Where
 * the kernel has none a hook takes crun's away, before the container has its root.
 */
import { join } from 'node:path';
import type { RuntimeSpecification } from './types.ts';

/** @param program the shim, which is the hook's program as well */
export function withoutCoreLink(specification: RuntimeSpecification, program: string): RuntimeSpecification {
  // Whoever brings a /dev has chosen what is in it, and crun makes nothing there.
  const devices = specification.mounts.findLast(({ destination }) => destination === '/dev');
  if (devices?.type !== 'tmpfs') return specification;
  return { ...specification, hooks: { createContainer: [{ path: program, args: ['unlink', join(specification.root.path, 'dev/core')] }] } };
}
