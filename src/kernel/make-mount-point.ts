/** Makes what something is to be mounted on in a root file system that is not trusted, with the modes that runc gives. */
import { closeSync, constants, openSync } from 'node:fs';
import { dirname, basename } from 'node:path';
import { failedWith } from './failed-with.ts';
import { makeDirectoryInRoot } from './make-directory-in-root.ts';
import { openInRoot } from './open-in-root.ts';

const openPathFlag = 0o10000000;

/** @param path absolute inside `root`. What cannot be made, or is there, is left as it is: the mount tells. @throws kernel.syscall_failed */
export function makeMountPoint(root: string, path: string, kind: 'directory' | 'file'): void {
  try {
    if (kind === 'directory') makeDirectoryInRoot(root, path);
    else makeFileInRoot(root, path);
  } catch (error) {
    // A link that leads nowhere, a file system that is read-only or full, a name too long.
    if (!failedWith(error, 'EEXIST', 'EROFS', 'ENOSPC', 'EDQUOT', 'ENAMETOOLONG', 'ENOTDIR', 'ELOOP', 'ENOENT', 'EACCES', 'EPERM', 'EOVERFLOW')) throw error;
  }
}

function makeFileInRoot(root: string, path: string): void {
  const outcome = makeDirectoryInRoot(root, dirname(path));
  if (outcome === 'blocked' || outcome === 'blocked-through') return;
  const directory = openSync(root, constants.O_DIRECTORY | openPathFlag);
  try {
    const parent = openInRoot({ directory, path: Buffer.from(dirname(path)).toString('latin1'), flags: constants.O_DIRECTORY | openPathFlag, links: 'followed' });
    try {
      // Never follows what stands there already.
      closeSync(openSync(`/proc/self/fd/${parent}/${basename(path)}`, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o644));
    } finally {
      closeSync(parent);
    }
  } finally {
    closeSync(directory);
  }
}
