/** The size of a directory tree as Docker counts it: lengths of everything but directories, each inode once. */
import { lstatSync, readdirSync } from 'node:fs';

/** Blocking; nothing may change the tree meanwhile. */
export function treeSize(directory: string): number {
  return sizeBelow(Buffer.from(directory), new Set());
}

function sizeBelow(directory: Buffer, seen: Set<number>): number {
  let size = 0;
  for (const name of readdirSync(directory, { encoding: 'buffer' })) {
    const path = Buffer.concat([directory, Buffer.from('/'), name]);
    const status = lstatSync(path);
    if (status.isDirectory()) {
      size += sizeBelow(path, seen);
    } else if (status.size > 0 && !seen.has(status.ino)) {
      if (status.nlink > 1) seen.add(status.ino);
      size += status.size;
    }
  }
  return size;
}
