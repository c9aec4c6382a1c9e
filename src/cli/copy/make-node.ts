/** Makes device nodes and named pipes, for which Node has no call: by mknod(1). */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CommandFailure } from '#cli/command-failure.ts';
import type { TarEntry } from '#oci/tar/tar-entry.ts';

const run = promisify(execFile);
const letters: Partial<Record<TarEntry['type'], string>> = { fifo: 'p', block: 'b', character: 'c' };

/** @throws CommandFailure when the system refuses, as it does for devices and everybody but root */
export async function makeNode(path: string, entry: TarEntry): Promise<void> {
  const letter = letters[entry.type];
  if (letter === undefined) throw new CommandFailure(`cannot make ${path}: unknown type of file`);
  const numbers = letter === 'p' ? [] : [String(entry.deviceMajor), String(entry.deviceMinor)];
  try {
    await run('mknod', ['-m', (entry.mode & 0o7777).toString(8), '--', path, letter, ...numbers]);
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    const reason = said === '' ? 'mknod(1) is not there' : (said.split(': ').at(-1) ?? '').toLowerCase();
    throw new CommandFailure(`mknod ${path}: ${reason}`, 1, error);
  }
}
