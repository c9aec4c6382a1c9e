/** Nothing may be mounted over `/proc` or in it, so that no container is shown another one's, nor over the root: runc's rules and words. */
import { existsSync, statfsSync, statSync } from 'node:fs';
import { fail } from '#base/errors/failure.ts';
import { placeInRoot } from './place-in-root.ts';

/** Files that file systems of containers may replace. */
const replaceable: ReadonlySet<string> = new Set([
  '/proc/cpuinfo', '/proc/diskstats', '/proc/meminfo', '/proc/stat', '/proc/swaps', '/proc/uptime', '/proc/loadavg', '/proc/slabinfo',
  '/proc/sys/kernel/ns_last_pid', '/proc/sys/crypto/fips_enabled',
]);
const processFileSystem = 0x9fa0;
const rootInode = 1;

/** @param source of a bind; undefined: a tmpfs. @param rootfs the container's root file system, for the text. @throws mount.over_root, mount.over_proc, mount.proc_entry_missing */
export function refuseOverProc({ source: bound, destination, rootfs }: { source?: string; destination: string; rootfs: string }): void {
  const source = bound ?? 'tmpfs';
  const place = placeInRoot(rootfs, destination);
  // What is to be at the root itself is the runtime's to judge, but for a bind.
  if (bound !== undefined && (place === '/' || place === '.')) throw fail('mount.over_root', { source, destination, rootfs });
  if (place === '/proc') {
    if (bound !== undefined && statfsSync(bound).type === processFileSystem && statSync(bound).ino === rootInode) return;
    throw fail('mount.over_proc', { source, destination, path: `${rootfs}/proc`, reason: 'not of type proc' });
  }
  if (!place.startsWith('/proc/') || replaceable.has(place)) return;
  const path = rootfs + place;
  // The names there are the same in every one of them, but for processes.
  if (!existsSync(place)) throw fail('mount.proc_entry_missing', { source, destination, path });
  throw fail('mount.over_proc', { source, destination, path, reason: 'inside /proc' });
}
