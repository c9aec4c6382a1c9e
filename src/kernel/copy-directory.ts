/**
 * Copies what a directory of an untrusted root file system holds, with owners, modes, times, links and
 * extended attributes. Links on the way to the directory stay inside the root.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { fail } from '#base/errors/failure.ts';
import { failedWith } from './failed-with.ts';
import { openInRoot } from './open-in-root.ts';
import { runProgram } from './run-program.ts';

/**
 * Fills `destination`, an existing directory, which also gets the owner and mode of the copied one.
 * False: there is no such directory in the root. @throws kernel.syscall_failed, kernel.copy_failed
 */
export async function copyDirectoryFromRoot(root: string, path: string, destination: string): Promise<boolean> {
  const opened = openDirectory(root, path);
  if (opened === undefined) return false;
  try {
    const { exitCode, stderr } = await runProgram('cp', ['-a', '--reflink=auto', '--', `/proc/${process.pid}/fd/${opened}/.`, destination]);
    if (exitCode !== 0) throw fail('kernel.copy_failed', { source: path, destination, reason: stderr.trim() });
    return true;
  } finally {
    closeSync(opened);
  }
}

function openDirectory(root: string, path: string): number | undefined {
  const directory = openSync(root, constants.O_DIRECTORY);
  try {
    return openInRoot({ directory, path: Buffer.from(path).toString('latin1'), flags: constants.O_DIRECTORY, links: 'followed' });
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  } finally {
    closeSync(directory);
  }
}
