/**
 * The storage driver's directory as containers with users of their own see it: an idmapped mount in the execution root. On disk
 * every file of a layer or container keeps the owner that its image names, so that one copy serves everybody.
 */
import { chmodSync, mkdirSync } from 'node:fs';
import { fail, messageOf } from '#base/errors/failure.ts';
import { rootOnHost, type Owner } from '#base/identity-mapping.ts';
import { mountIdmapped } from '#kernel/idmapped-mount.ts';
import { unmount } from '#kernel/mounts.ts';
import { holdNamespaces, type Remapping } from '#kernel/user-namespace.ts';

export interface RemappedView extends Disposable {
  /** Where a directory below the viewed one, or itself, is seen, and whom the root user's files belong to there. */
  of(path: string): { readonly home: string; readonly root: Owner };
}

/** Makes the view anew. What is mounted out of one before goes on with that. @throws snapshot.remapping_unsupported */
export function openRemappedView(home: string, mountPoint: string, remapping: Remapping): RemappedView {
  // Nobody reaches it who may not enter the data root.
  mkdirSync(home, { recursive: true, mode: 0o711 });
  chmodSync(home, 0o711);
  mkdirSync(mountPoint, { recursive: true, mode: 0o711 });
  while (unmount(mountPoint));
  try {
    using held = holdNamespaces(remapping);
    mountIdmapped(home, mountPoint, held.user);
  } catch (error) {
    throw fail('snapshot.remapping_unsupported', { path: home, reason: messageOf(error) }, error);
  }
  const root = rootOnHost(remapping.mapping);
  return {
    of: (path) => ({ home: mountPoint + path.slice(home.length), root }),
    [Symbol.dispose]: () => void unmount(mountPoint),
  };
}

/** @throws snapshot.not_remapped where the daemon has been started without users for it */
export function requireView(view: RemappedView | undefined, id: string): RemappedView {
  if (view === undefined) throw fail('snapshot.not_remapped', { id });
  return view;
}
