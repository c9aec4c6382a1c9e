/** Copies what is in one directory into another, sharing blocks where the file system can (reflinks). */
import { fail } from '#base/errors/failure.ts';
import { runProgram } from './run-program.ts';

/** The destination also gets owner, mode and times of the source. @throws kernel.copy_failed, the signal's reason */
export async function copyTree(source: string, destination: string, signal: AbortSignal): Promise<void> {
  const { exitCode, stderr } = await runProgram('cp', ['-a', '--reflink=auto', '--sparse=auto', '--', `${source}/.`, destination], { signal });
  if (exitCode !== 0) throw fail('kernel.copy_failed', { source, destination, reason: stderr.trim() });
}
