/**
 * Copies what a directory of an untrusted root file system holds, with owners, modes, times, links and
 * extended attributes. Links on the way to the directory stay inside the root.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { fail } from '#base/errors/failure.ts';
import { declare, errnoName, lastErrno, syscallError } from './libc.ts';
import { runProgram } from './run-program.ts';

const openat2 = declare('long syscall(long number, int directory, const char *path, void *how, size_t size)');
const openat2Number = 437;
const resolveNoMagicLinks = 0x02n;
const resolveInRoot = 0x10n;

/**
 * Fills `destination`, an existing directory, which also gets the owner and mode of the copied one.
 * False: there is no such directory in the root. @throws kernel.syscall_failed, kernel.copy_failed
 */
export async function copyDirectoryFromRoot(root: string, path: string, destination: string): Promise<boolean> {
  const rootDescriptor = openSync(root, constants.O_DIRECTORY);
  let opened: number;
  try {
    const how = new BigUint64Array([BigInt(constants.O_RDONLY | constants.O_DIRECTORY | 0o2000000), 0n, resolveNoMagicLinks | resolveInRoot]);
    opened = Number(openat2(openat2Number, rootDescriptor, path.replace(/^\/+/, ''), how, 24));
    if (opened < 0) {
      const number = lastErrno();
      if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoName(number))) return false;
      throw syscallError('openat2', `${root}${path}`, number);
    }
  } finally {
    closeSync(rootDescriptor);
  }
  try {
    const source = `/proc/${process.pid}/fd/${opened}`;
    const { exitCode, stderr } = await runProgram('cp', ['-a', '--reflink=auto', '--', `${source}/.`, destination]);
    if (exitCode !== 0) throw fail('kernel.copy_failed', { source: path, destination, reason: stderr.trim() });
    return true;
  } finally {
    closeSync(opened);
  }
}
