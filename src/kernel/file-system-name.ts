/** The kind of file system at a path, by the magic number of statfs(2), as Docker names it. */
import { statfsSync } from 'node:fs';

const names: Readonly<Record<number, string>> = {
  0x61756673: 'aufs',
  0x9123683e: 'btrfs',
  0xef53: 'extfs',
  0x65735546: 'fuseblk',
  0x6969: 'nfs',
  0x794c7630: 'overlayfs',
  0x858458f6: 'ramfs',
  0x01021994: 'tmpfs',
  0x58465342: 'xfs',
  0x2fc12fc1: 'zfs',
};

export function fileSystemName(path: string): string {
  return names[Number(statfsSync(path, { bigint: true }).type & 0xffffffffn)] ?? '<unknown>';
}
