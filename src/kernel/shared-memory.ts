/** POSIX shared memory, shm_overview(7): the host's, and file systems of their own for containers that share theirs. */
import { mkdirSync } from 'node:fs';
import { mount, mountFlags, unmount } from './mounts.ts';

export const sharedMemoryOfHost = '/dev/shm';

/** Mounts memory of this many bytes at `directory`, which is made. @throws kernel.syscall_failed */
export function mountSharedMemory(directory: string, size: number): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  mount({ source: 'shm', target: directory, type: 'tmpfs', flags: mountFlags.noSuid | mountFlags.noDevices | mountFlags.noExecute, data: `mode=1777,size=${size}` });
}

/** Without effect when nothing is mounted there. */
export function unmountSharedMemory(directory: string): void {
  unmount(directory);
}
