/** Brings what has been written to a file system to its disk (syncfs(2)). */
import { closeSync, constants, openSync } from 'node:fs';
import { declare, syscallError } from './libc.ts';

const nativeSync = declare('int syncfs(int descriptor)');

/**
 * Resolves when all that was written to the file system of `directory` before the call survives the loss of power, beside
 * the event loop. @throws kernel.syscall_failed when the disk has failed since the last call
 */
export async function syncFileSystem(directory: string): Promise<void> {
  const descriptor = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  nativeSync.async(descriptor, (error: unknown, result: number) => {
    // The number of the error must be read before anything else is called.
    const failure = result === 0 ? undefined : syscallError('syncfs', directory);
    if (error !== null && error !== undefined) reject(error instanceof Error ? error : new Error(String(error)));
    else if (failure === undefined) resolve();
    else reject(failure);
  });
  try {
    await promise;
  } finally {
    closeSync(descriptor);
  }
}
