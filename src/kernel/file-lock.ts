/** Exclusive locks on files (flock(2)): held by an open file, so the kernel gives them back when the holder dies. */
import { closeSync, constants, openSync } from 'node:fs';
import { checked, declare } from './libc.ts';
import { failedWith } from './failed-with.ts';

const flock = declare('int flock(int fd, int operation)');
const lockExclusive = 2;
const lockNonBlocking = 4;

/** Locks the file, which is made where it is missing. undefined: someone else holds it. @throws kernel.syscall_failed */
export function lockFile(path: string): Disposable | undefined {
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    checked(flock(file, lockExclusive | lockNonBlocking), 'flock', path);
  } catch (error) {
    closeSync(file);
    if (failedWith(error, 'EAGAIN', 'EWOULDBLOCK')) return undefined;
    throw error;
  }
  return { [Symbol.dispose]: () => closeSync(file) };
}
