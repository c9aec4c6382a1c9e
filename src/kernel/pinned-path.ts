/**
 * Shows what is at a path now somewhere else, so that whoever renames things on the way to it, or puts links there,
 * changes nothing any more: for mounts of what untrusted programs can write to.
 */
import { closeSync, constants, fstatSync, mkdirSync, openSync, readdirSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { mountFlags, mount, unmount } from './mounts.ts';
import { openInRoot } from './open-in-root.ts';

const openPathFlag = 0o10000000;

/**
 * Disposing takes it away; what has been mounted from it stays.
 * @param path.real below `base`, without links @param path.target to be made @throws kernel.syscall_failed, ELOOP where there is a link by now
 */
export function pinPath({ base, real, target }: { readonly base: string; readonly real: string; readonly target: string }): Disposable {
  const root = openSync(base, openPathFlag | constants.O_DIRECTORY);
  let opened: number;
  try {
    opened = openInRoot({ directory: root, path: `/${Buffer.from(relative(base, real)).toString('latin1')}`, flags: openPathFlag, links: 'refused' });
  } finally {
    closeSync(root);
  }
  try {
    if (fstatSync(opened).isDirectory()) mkdirSync(target, { recursive: true, mode: 0o700 });
    else {
      mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
      writeFileSync(target, '');
    }
    mount({ source: `/proc/self/fd/${opened}`, target, flags: mountFlags.bind | mountFlags.recursive });
  } finally {
    closeSync(opened);
  }
  return { [Symbol.dispose]: () => unpin(target) };
}

/** Takes away all that a daemon which died has left in the directory. */
export function removePins(directory: string): void {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  for (const name of names) unpin(`${directory}/${name}`);
}

function unpin(target: string): void {
  while (unmount(target));
  // Never more than the place itself: should something still be mounted there, this fails.
  if (statSync(target, { throwIfNoEntry: false })?.isDirectory() === true) rmdirSync(target);
  else rmSync(target, { force: true });
}
