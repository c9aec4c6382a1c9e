/** Where a path of a root file system that is not trusted really lies: links, absolute or with `..`, stay inside. */
import { closeSync, constants, openSync, readlinkSync } from 'node:fs';
import { failedWith } from './failed-with.ts';
import { openInRoot } from './open-in-root.ts';

const openPathFlag = 0o10000000;

/** Undefined: there is nothing. True only as long as nobody changes the file system. @throws kernel.syscall_failed */
export function resolveInRoot(root: string, path: string): string | undefined {
  const directory = openSync(root, constants.O_DIRECTORY | openPathFlag);
  try {
    const opened = openInRoot({ directory, path: Buffer.from(path).toString('latin1'), flags: openPathFlag, links: 'followed' });
    try {
      return readlinkSync(`/proc/self/fd/${opened}`);
    } finally {
      closeSync(opened);
    }
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  } finally {
    closeSync(directory);
  }
}
