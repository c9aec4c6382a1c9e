/**
 * Locks the calling worker thread into a directory, so that no path, link or `..` leads outside. Only for
 * worker threads. While inside, nothing asynchronous may touch files: libuv's pool threads have the
 * root of the process, or for ever that of the thread that makes them (hence {@link warmThreadPool}).
 */
import { closeSync, constants, openSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { isMainThread } from 'node:worker_threads';
import { invariant } from '#base/errors/failure.ts';
import { checked, declare } from './libc.ts';

const nativeUnshare = declare('int unshare(int flags)');
const nativeChroot = declare('int chroot(const char *path)');
const nativeChdir = declare('int chdir(const char *path)');
const nativeFchdir = declare('int fchdir(int descriptor)');
const nativeUmask = declare('unsigned int umask(unsigned int mask)');

const cloneFs = 0x200;

/** Makes libuv create its threads now, with the root directory of the process. To be awaited on the main thread before any thread is locked in. */
export async function warmThreadPool(): Promise<void> {
  await stat('/');
}

/** Gives this thread its own root, working directory and file mode mask, and sets the mask to none. */
export function detachThreadRoot(): void {
  invariant(!isMainThread, 'the main thread must keep the root of the process');
  checked(Number(nativeUnshare(cloneFs)), 'unshare');
  nativeUmask(0);
}

/** Makes an open directory the working directory of this thread, which must have its own. @throws kernel.syscall_failed */
export function enterDirectory(descriptor: number): void {
  checked(Number(nativeFchdir(descriptor)), 'fchdir');
}

/**
 * Makes `directory` the root and working directory of this thread, which must have its own
 * ({@link detachThreadRoot}), until the result is disposed. @throws kernel.syscall_failed
 */
export function enterRoot(directory: string): Disposable {
  const outside = openSync('/', constants.O_DIRECTORY);
  try {
    checked(Number(nativeChroot(directory)), 'chroot', directory);
    checked(Number(nativeChdir('/')), 'chdir', directory);
  } catch (error) {
    closeSync(outside);
    throw error;
  }
  return {
    [Symbol.dispose]() {
      checked(Number(nativeFchdir(outside)), 'fchdir', '/');
      checked(Number(nativeChroot('.')), 'chroot', '/');
      closeSync(outside);
    },
  };
}
