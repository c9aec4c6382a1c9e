/** `mkdir -p` that ends also where the kernel has no place for directories: in procfs Node's own tries for ever. */
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { failedWith } from './failed-with.ts';
import { errnoOf, syscallError } from './libc.ts';

/** Mode of each directory that is made, before the umask. @throws kernel.syscall_failed with the path that could not be made and `ENOTDIR` where a file is in the way */
export async function makeDirectories(path: string, mode: number): Promise<void> {
  const kind = await kindOf(path);
  if (kind === 'directory') return;
  if (kind === 'other') throw syscallError('mkdir', path, errnoOf('ENOTDIR'));
  const parent = dirname(path);
  if (parent !== path) await makeDirectories(parent, mode);
  try {
    await mkdir(path, { mode });
  } catch (error) {
    // Somebody else has made it meanwhile.
    if (failedWith(error, 'EEXIST') && (await kindOf(path)) === 'directory') return;
    if (error instanceof Error && 'code' in error) throw syscallError('mkdir', path, errnoOf(String(error.code)));
    throw error;
  }
}

/** Undefined: nothing that can be looked at. */
async function kindOf(path: string): Promise<'directory' | 'other' | undefined> {
  return await stat(path).then((stats) => (stats.isDirectory() ? 'directory' : 'other'), () => undefined);
}
