/** Processes held by a descriptor, which never comes to mean another process when the pid is used again. */
import { closeSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { declare, lastErrno, syscallError } from './libc.ts';

// By number, as C libraries older than 2.36 lack the functions; it is the same on every architecture.
const syscall = declare('long syscall(long number, long a, long b, long c, long d)');
const poll = declare('int poll(void *descriptors, unsigned long count, int milliseconds)');

const SYS_pidfd_send_signal = 424;
const SYS_pidfd_open = 434;
const ESRCH = 3;
const EINVAL = 22;
const POLLIN = 1;

export class ProcessHandle implements Disposable {
  readonly pid: number;
  #descriptor: number;

  private constructor(pid: number, descriptor: number) {
    this.pid = pid;
    this.#descriptor = descriptor;
  }

  /** Undefined when there is no such process (any more). */
  static open(pid: number): ProcessHandle | undefined {
    const descriptor = Number(syscall(SYS_pidfd_open, pid, 0, 0, 0));
    if (descriptor >= 0) return new ProcessHandle(pid, descriptor);
    const errno = lastErrno();
    // EINVAL: the pid has been given to a thread since.
    if (errno === ESRCH || errno === EINVAL) return undefined;
    throw syscallError('pidfd_open', String(pid), errno);
  }

  /** False when the process has ended, or the handle is disposed. */
  signal(number: number): boolean {
    if (this.#descriptor < 0) return false;
    if (Number(syscall(SYS_pidfd_send_signal, this.#descriptor, number, 0, 0)) === 0) return true;
    const errno = lastErrno();
    if (errno === ESRCH) return false;
    throw syscallError('pidfd_send_signal', String(this.pid), errno);
  }

  /** Whether the process has ended, reaped or not. */
  hasEnded(): boolean {
    if (this.#descriptor < 0) return true;
    const entry = Buffer.alloc(8);
    entry.writeInt32LE(this.#descriptor, 0);
    entry.writeInt16LE(POLLIN, 4);
    return Number(poll(entry, 1, 0)) > 0;
  }

  /** Waits until the process has ended; false when it has not after this time. Holds no thread: many may be waited for. */
  async ended(milliseconds: number): Promise<boolean> {
    const end = performance.now() + milliseconds;
    for (let wait = 1; !this.hasEnded(); wait = Math.min(wait * 2, 50)) {
      if (performance.now() >= end) return false;
      await delay(wait);
    }
    return true;
  }

  [Symbol.dispose](): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
    this.#descriptor = -1;
  }
}

/** What /proc/<pid>/stat tells: the parent, and the start in clock ticks since boot, which together with the pid names a process uniquely. */
export interface ProcessIdentity {
  readonly parent: number;
  readonly startTime: bigint;
}

/** Undefined when there is no such process. */
export function readProcessIdentity(pid: number): ProcessIdentity | undefined {
  let line: string;
  try {
    line = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return undefined;
    throw error;
  }
  // The name in parentheses may hold anything; what follows is field 3.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  return { parent: Number(fields[1]), startTime: BigInt(fields[19] ?? 0) };
}
