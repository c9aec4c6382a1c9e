/** What differs between two directories: by kind, owner, mode, size, time of change and a link's target. */
import { lstat, readdir, readlink } from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';

export interface TreeChange {
  /** Absolute in the volume. */
  readonly path: string;
  readonly kind: 'added' | 'changed' | 'deleted';
}

const slash = Buffer.from('/');

/** Changes that made `now` of `before`, sorted by path; a directory before what is in it. Contents are not read. */
export async function compareTrees(before: string, now: string): Promise<TreeChange[]> {
  const changes: TreeChange[] = [];
  const queue: Buffer[] = [Buffer.alloc(0)];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const here = path;
    const inBefore = Buffer.concat([Buffer.from(before), here]);
    const inNow = Buffer.concat([Buffer.from(now), here]);
    const [old, current] = await Promise.all([names(inBefore), names(inNow)]);
    for (const [key, name] of current) {
      const place = Buffer.concat([here, slash, name]);
      const found = await lstat(Buffer.concat([inNow, slash, name]), { bigint: true }).catch(absent);
      if (found === undefined) continue;
      const was = old.has(key) ? await lstat(Buffer.concat([inBefore, slash, name]), { bigint: true }).catch(absent) : undefined;
      if (was === undefined) changes.push({ path: place.toString(), kind: 'added' });
      else if (await differ(was, found, Buffer.concat([inBefore, slash, name]), Buffer.concat([inNow, slash, name]))) changes.push({ path: place.toString(), kind: 'changed' });
      if (found.isDirectory()) queue.push(place);
    }
    for (const [key, name] of old) if (!current.has(key)) changes.push({ path: Buffer.concat([here, slash, name]).toString(), kind: 'deleted' });
  }
  return changes.sort((left, right) => (left.path < right.path ? -1 : 1));
}

/** A directory that is in one tree only has no names in the other. */
async function names(directory: Buffer): Promise<Map<string, Buffer>> {
  try {
    return new Map((await readdir(directory, { encoding: 'buffer' })).map((name) => [name.toString('latin1'), name]));
  } catch (error) {
    absent(error);
    return new Map();
  }
}

async function differ(was: BigIntStats, found: BigIntStats, pathBefore: Buffer, pathNow: Buffer): Promise<boolean> {
  if (was.mode !== found.mode || was.uid !== found.uid || was.gid !== found.gid || was.rdev !== found.rdev) return true;
  if (found.isDirectory()) return false;
  if (found.isSymbolicLink()) return !(await readlink(pathBefore, { encoding: 'buffer' })).equals(await readlink(pathNow, { encoding: 'buffer' }));
  return was.size !== found.size || was.mtimeNs !== found.mtimeNs;
}

function absent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
  throw error;
}
