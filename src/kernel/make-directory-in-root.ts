/**
 * Makes a directory with its parents inside a root filesystem that is not trusted: links, absolute or
 * with `..`, stay inside (openat2(2) with RESOLVE_IN_ROOT).
 */
import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { declare, errnoName, lastErrno, syscallError } from './libc.ts';

const openat2 = declare('long syscall(long number, int directory, const char *path, void *how, size_t size)');
const openat2Number = 437;
const resolveNoMagicLinks = 0x02n;
const resolveInRoot = 0x10n;
const openPathFlag = 0o10000000;
const closeOnExec = 0o2000000;

/** `blocked`: something that is no directory stands at the path or (`through`) in its way. */
export type MadeDirectory = 'made' | 'existed' | 'blocked' | 'blocked-through';

/** @param path absolute inside `root`; new directories get mode 0755 and belong to root. @throws kernel.syscall_failed */
export function makeDirectoryInRoot(root: string, path: string): MadeDirectory {
  const rootDescriptor = openSync(root, constants.O_DIRECTORY | openPathFlag);
  let parent = rootDescriptor;
  let outcome: MadeDirectory = 'existed';
  try {
    const names = path.split('/').filter((name) => name !== '' && name !== '.');
    for (let count = 1; count <= names.length; count++) {
      const prefix = names.slice(0, count).join('/');
      let opened = openDirectory(rootDescriptor, prefix);
      if (opened === 'ENOENT') {
        // The last name is never followed by mkdir, so it cannot lead outside.
        mkdirSync(`/proc/self/fd/${parent}/${names[count - 1] ?? ''}`, { mode: 0o755 });
        outcome = 'made';
        opened = openDirectory(rootDescriptor, prefix);
      }
      if (typeof opened === 'string') {
        if (opened !== 'ENOTDIR') throw syscallError('openat2', `${root}/${prefix}`);
        return count === names.length ? 'blocked' : 'blocked-through';
      }
      if (parent !== rootDescriptor) closeSync(parent);
      parent = opened;
    }
    return outcome;
  } finally {
    if (parent !== rootDescriptor) closeSync(parent);
    closeSync(rootDescriptor);
  }
}

function openDirectory(rootDescriptor: number, path: string): number | string {
  const how = new BigUint64Array([BigInt(constants.O_DIRECTORY | openPathFlag | closeOnExec), 0n, resolveNoMagicLinks | resolveInRoot]);
  const opened = Number(openat2(openat2Number, rootDescriptor, path, how, 24));
  return opened >= 0 ? opened : errnoName(lastErrno());
}
