/** Nothing may be mounted over `/proc` or in it, so that no container is shown another one's, nor over the root: runc's rules and words. */
import { existsSync, readlinkSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fail } from '#base/errors/failure.ts';

/** Files that file systems of containers may replace. */
const replaceable: ReadonlySet<string> = new Set([
  '/proc/cpuinfo', '/proc/diskstats', '/proc/meminfo', '/proc/stat', '/proc/swaps', '/proc/uptime', '/proc/loadavg', '/proc/slabinfo',
  '/proc/sys/kernel/ns_last_pid', '/proc/sys/crypto/fips_enabled',
]);
const processFileSystem = 0x9fa0;
const rootInode = 1;

/** @param rootfs the container's root file system, for the text. @throws mount.over_root, mount.over_proc, mount.proc_entry_missing */
export function refuseOverProc({ source, destination, rootfs }: { source: string; destination: string; rootfs: string }): void {
  const place = withoutLinks(rootfs, destination);
  if (place === '/' || place === '.') throw fail('mount.over_root', { source, destination, rootfs });
  if (place === '/proc') {
    if (statfsSync(source).type === processFileSystem && statSync(source).ino === rootInode) return;
    throw fail('mount.over_proc', { source, destination, path: `${rootfs}/proc`, reason: 'not of type proc' });
  }
  if (!place.startsWith('/proc/') || replaceable.has(place)) return;
  const path = rootfs + place;
  // The names there are the same in every one of them, but for processes.
  if (!existsSync(place)) throw fail('mount.proc_entry_missing', { source, destination, path });
  throw fail('mount.over_proc', { source, destination, path, reason: 'inside /proc' });
}

/** Where the image's links lead, whether something is there or not; never out of the root. */
function withoutLinks(rootfs: string, destination: string): string {
  const names = destination.split('/');
  let place = '/';
  let links = 0;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const next = join(place, name);
    const target = name === '..' || links > 40 ? undefined : linkTarget(rootfs + next);
    if (target === undefined) place = next;
    else {
      links++;
      names.unshift(...target.split('/'));
      place = target.startsWith('/') ? '/' : dirname(next);
    }
  }
  return place;
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    // No link, or nothing.
    return undefined;
  }
}
