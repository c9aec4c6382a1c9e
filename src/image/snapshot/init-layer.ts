/**
 * The layer between an image and a container's own: empty files and directories that are mounted over in
 * every container, so that they are in no container's changes. Its contents are Docker's.
 */
import { chmodSync, closeSync, mkdirSync, openSync, statSync, symlinkSync, unlinkSync } from 'node:fs';
import { failedWith } from '#kernel/failed-with.ts';

/** In a fixed order; the type is `directory`, `file` or the target of a link. */
const entries: readonly (readonly [path: string, type: string])[] = [
  ['dev/pts', 'directory'],
  ['dev/shm', 'directory'],
  ['proc', 'directory'],
  ['sys', 'directory'],
  ['.dockerenv', 'file'],
  ['etc/resolv.conf', 'file'],
  ['etc/hosts', 'file'],
  ['etc/hostname', 'file'],
  ['dev/console', 'file'],
  ['etc/mtab', '/proc/mounts'],
];

/** Makes them in a root directory that nothing else uses meanwhile. Links of the image in their way are removed, never followed. */
export function fillInitLayer(root: string): void {
  for (const [path, type] of entries) {
    const parts = path.split('/');
    for (let count = 1; count <= parts.length; count++) unlinkIfNoDirectory(`${root}/${parts.slice(0, count).join('/')}`);
    if (exists(`${root}/${path}`)) continue;
    makeDirectories(root, parts.slice(0, -1));
    if (type === 'directory') makeDirectories(root, parts);
    else if (type === 'file') makeFile(`${root}/${path}`);
    else symlinkSync(type, `${root}/${path}`);
  }
}

function unlinkIfNoDirectory(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!failedWith(error, 'EISDIR', 'EPERM', 'ENOENT', 'ENOTDIR')) throw error;
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function makeDirectories(root: string, parts: readonly string[]): void {
  let path = root;
  for (const part of parts) {
    path += `/${part}`;
    if (exists(path)) continue;
    mkdirSync(path);
    // Whatever this process's mask.
    chmodSync(path, 0o755);
  }
}

function makeFile(path: string): void {
  closeSync(openSync(path, 'wx'));
  chmodSync(path, 0o755);
}
