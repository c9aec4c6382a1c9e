/**
 * Takes the exit status of programs started by `posix-spawn.ts`, so that they do not stay as zombies.
 * libuv waits only for its own children.
 */
import { declare, lastErrno } from './libc.ts';

const waitpid = declare('int waitpid(int pid, _Out_ int *status, int options)');

const WNOHANG = 1;
const EINTR = 4;
const firstDelay = 1;
const longestDelay = 1000;

export class Reaper {
  readonly #waiting = new Set<number>();

  /**
   * To be called when the program is about to end (its last descriptor closed): the kernel makes the
   * status available a moment later. Does not keep the daemon alive. Pids of other parents are ignored.
   */
  reap(pid: number): void {
    if (this.#waiting.has(pid)) return;
    this.#waiting.add(pid);
    this.#attempt(pid, firstDelay);
  }

  /** Programs still to be reaped. */
  get pending(): ReadonlySet<number> {
    return this.#waiting;
  }

  #attempt(pid: number, delay: number): void {
    const result = waitpid(pid, new Int32Array(1), WNOHANG) as number;
    if (result === pid || (result < 0 && lastErrno() !== EINTR)) {
      this.#waiting.delete(pid);
      return;
    }
    setTimeout(() => this.#attempt(pid, Math.min(delay * 2, longestDelay)), delay).unref();
  }
}
