/** Bytes in a directory tree that may be changing: lengths of everything but directories, each inode once, as Docker counts. */
import { lstat, readdir } from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';
import { failedWith } from '#kernel/failed-with.ts';

/** Looked at together. */
const batch = 64;

/** @param counts which files count; all by default */
export async function treeUsage(directory: string, counts: (status: BigIntStats) => boolean = () => true): Promise<number> {
  const seen = new Set<bigint>();
  const pending: Buffer[] = [Buffer.from(directory)];
  let size = 0n;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const parent = Buffer.concat([next, slash]);
    const names = await unlessGone(() => readdir(parent, { encoding: 'buffer' }));
    for (let start = 0; start < (names?.length ?? 0); start += batch) {
      const paths = names?.slice(start, start + batch).map((name) => Buffer.concat([parent, name])) ?? [];
      const statuses = await Promise.all(paths.map((path) => unlessGone(() => lstat(path, { bigint: true }))));
      for (const [index, status] of statuses.entries()) {
        const path = paths[index];
        if (status === undefined || path === undefined) continue;
        if (status.isDirectory()) {
          pending.push(path);
        } else if (status.size > 0n && counts(status) && !seen.has(status.ino)) {
          if (status.nlink > 1n) seen.add(status.ino);
          size += status.size;
        }
      }
    }
  }
  return Number(size);
}

const slash = Buffer.from('/');

async function unlessGone<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    // Containers can nest directories deeper than a path can say.
    if (failedWith(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG')) return undefined;
    throw error;
  }
}
