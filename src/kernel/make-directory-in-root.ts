/**
 * Makes a directory with its parents inside a root file system that is not trusted: links, absolute or
 * with `..`, stay inside.
 */
import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { failedWith } from './failed-with.ts';
import { openInRoot } from './open-in-root.ts';

const openPathFlag = 0o10000000;

/** `blocked`: something that is no directory stands at the path or (`blocked-through`) in its way. */
export type MadeDirectory = 'made' | 'existed' | 'blocked' | 'blocked-through';

/** @param path absolute inside `root`; new directories get mode 0755 and belong to root. @throws kernel.syscall_failed */
export function makeDirectoryInRoot(root: string, path: string): MadeDirectory {
  const directory = openSync(root, constants.O_DIRECTORY | openPathFlag);
  let parent = directory;
  let outcome: MadeDirectory = 'existed';
  try {
    const names = path.split('/').filter((name) => name !== '' && name !== '.');
    for (const [index, name] of names.entries()) {
      const prefix = names.slice(0, index + 1).join('/');
      let opened = openDirectory(directory, prefix);
      if (opened === 'missing') {
        // The last name is never followed by mkdir, so it cannot lead outside.
        mkdirSync(`/proc/self/fd/${parent}/${name}`, { mode: 0o755 });
        outcome = 'made';
        opened = openDirectory(directory, prefix);
      }
      if (typeof opened === 'string') return index === names.length - 1 ? 'blocked' : 'blocked-through';
      if (parent !== directory) closeSync(parent);
      parent = opened;
    }
    return outcome;
  } finally {
    if (parent !== directory) closeSync(parent);
    closeSync(directory);
  }
}

function openDirectory(directory: number, path: string): number | 'missing' | 'no-directory' {
  try {
    return openInRoot({ directory, path: Buffer.from(path).toString('latin1'), flags: constants.O_DIRECTORY | openPathFlag, links: 'followed' });
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return 'missing';
    if (failedWith(error, 'ENOTDIR')) return 'no-directory';
    throw error;
  }
}
