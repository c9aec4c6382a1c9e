/** Bytes in a directory tree, hard links counted once, without following links or leaving the file system. */
import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Sum of the sizes of regular files and links, as Docker counts; what vanishes meanwhile counts nothing. */
export async function directorySize(directory: string): Promise<number> {
  const seen = new Set<string>();
  let total = 0;
  const queue = [directory];
  for (let current = queue.pop(); current !== undefined; current = queue.pop()) {
    const here = current;
    for (const entry of await entriesOf(here)) {
      const path = join(here, entry.name);
      if (entry.isDirectory()) {
        queue.push(path);
        continue;
      }
      const facts = await lstat(path, { bigint: true }).catch(() => undefined);
      if (facts === undefined) continue;
      const key = `${facts.dev}:${facts.ino}`;
      if (facts.nlink > 1n && seen.has(key)) continue;
      seen.add(key);
      total += Number(facts.size);
    }
  }
  return total;
}

async function entriesOf(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}
