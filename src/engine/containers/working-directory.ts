/** Makes the working directory of a new container where the image has none, as Docker does at create. */
import { fail } from '#base/errors/failure.ts';
import { rootOnHost } from '#base/identity-mapping.ts';
import type { Snapshotter } from '#image/contract.ts';
import { actingAs } from '#kernel/file-identity.ts';
import { makeDirectoryInRoot } from '#kernel/make-directory-in-root.ts';
import type { Remapping } from '#kernel/user-namespace.ts';

/** @throws container.working_directory_blocked with Docker's texts when a file stands in the way */
export async function makeWorkingDirectory(snapshotter: Snapshotter, id: string, path: string, remapping: Remapping | undefined): Promise<void> {
  const root = await snapshotter.mount(id);
  try {
    const outcome = actingAs(remapping && rootOnHost(remapping.mapping), () => makeDirectoryInRoot(root, path));
    if (outcome === 'blocked') throw fail('container.working_directory_blocked', { message: `Cannot mkdir: ${path} is not a directory` });
    if (outcome === 'blocked-through') throw fail('container.working_directory_blocked', { message: `lstat ${root}${path}: not a directory` });
  } finally {
    await snapshotter.unmount(id);
  }
}
