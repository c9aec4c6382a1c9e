/** Pipes, pipe(2): a program reads what a thread writes, or the other way round. */
import { checked, declare } from './libc.ts';

const pipe2 = declare('int pipe2(_Out_ int *ends, int flags)');
const fcntl = declare('int fcntl(int fd, int command, int argument)');

const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
const F_SETFL = 4;
const F_SETPIPE_SZ = 1031;
/** What an unprivileged process may have, too (/proc/sys/fs/pipe-max-size). */
const capacity = 1024 * 1024;

export interface Pipe {
  readonly readEnd: number;
  readonly writeEnd: number;
}

/** Both ends are inherited by no program that is not given them, and block unless said otherwise. The caller closes them. @throws kernel.syscall_failed */
export function openPipe(options: { nonBlocking?: 'write' } = {}): Pipe {
  const ends = new Int32Array(2);
  checked(pipe2(ends, O_CLOEXEC) as number, 'pipe2');
  const [readEnd = -1, writeEnd = -1] = ends;
  // Refused where pipes have taken too much memory already: a small one does it, too.
  fcntl(writeEnd, F_SETPIPE_SZ, capacity);
  if (options.nonBlocking === 'write') fcntl(writeEnd, F_SETFL, O_NONBLOCK);
  return { readEnd, writeEnd };
}
