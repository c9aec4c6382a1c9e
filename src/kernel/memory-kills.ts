/**
 * Which cgroups lost a process because their memory ran out, as the kernel's log has it: for cgroups that
 * systemd removes, with all that was counted in them, as soon as they are empty.
 */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { failedWith } from './failed-with.ts';

/** Longer is no record of the log. */
const recordSize = 8192;

export class MemoryKills implements Disposable {
  readonly #descriptor: number;
  readonly #buffer = Buffer.alloc(recordSize);
  readonly #cgroups = new Set<string>();

  /** Knows what is told from now on. `path`: the log. */
  constructor(path = '/dev/kmsg') {
    this.#descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    this.#read();
    this.#cgroups.clear();
  }

  /** Whether it happened to the cgroup since it was forgotten last. */
  has(cgroup: string): boolean {
    this.#read();
    return this.#cgroups.has(cgroup);
  }

  /** For a cgroup that is to be made anew. */
  forget(cgroup: string): void {
    this.#read();
    this.#cgroups.delete(cgroup);
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }

  #read(): void {
    for (let record = this.#next(); record !== undefined; record = this.#next()) {
      const cgroup = cgroupOfKill(record);
      if (cgroup !== undefined) this.#cgroups.add(cgroup);
    }
  }

  /** Undefined at the end. A record that was overwritten before it could be read is empty. */
  #next(): string | undefined {
    try {
      const length = readSync(this.#descriptor, this.#buffer);
      return length === 0 ? undefined : this.#buffer.toString('utf8', 0, length);
    } catch (error) {
      if (failedWith(error, 'EAGAIN')) return undefined;
      if (failedWith(error, 'EPIPE')) return '';
      throw error;
    }
  }
}

/** The killed process's cgroup, of a record as /dev/kmsg gives it: `level,sequence,microseconds,flags;text` (kernel: Documentation/ABI/testing/dev-kmsg). */
export function cgroupOfKill(record: string): string | undefined {
  return /^[^;\n]*;oom-kill:constraint=CONSTRAINT_MEMCG,.*,task_memcg=([^,\n]+),/.exec(record)?.[1];
}
