/** POSIX shared memory, shm_overview(7): the host's, and file systems of their own for containers that share theirs. */
import { chownSync, mkdirSync } from 'node:fs';
import type { Owner } from '#base/identity-mapping.ts';
import { mount, mountFlags, unmount } from './mounts.ts';

export const sharedMemoryOfHost = '/dev/shm';

/** Mounts memory of this many bytes at `directory`, which is made; its root belongs to `owner`, undefined: to root. @throws kernel.syscall_failed */
export function mountSharedMemory(directory: string, size: number, owner: Owner | undefined): void {
  mkdirSync(directory, { recursive: true, mode: 0o711 });
  mount({ source: 'shm', target: directory, type: 'tmpfs', flags: mountFlags.noSuid | mountFlags.noDevices | mountFlags.noExecute, data: `mode=1777,size=${size}` });
  if (owner !== undefined) chownSync(directory, owner.uid, owner.gid);
}

/** Without effect when nothing is mounted there. */
export function unmountSharedMemory(directory: string): void {
  unmount(directory);
}
