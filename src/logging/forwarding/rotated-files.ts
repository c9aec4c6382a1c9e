/**
 * Compresses and removes rotated files of a log, which the shim renames at any moment: each change of a name is made
 * under the lock that the shim takes for a rotation. A crash at any point leaves at most a copy more.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, stat, unlink } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { failedWith } from '#kernel/failed-with.ts';
import { lockFile } from '#kernel/file-lock.ts';

export interface Tidiness {
  /** Files that stay, the one being written included. */
  readonly maxFiles: number;
  readonly compress: boolean;
  /** Inode of the oldest file that is still needed as it is; undefined: none is. */
  readonly needed: number | undefined;
}

interface RotatedFile {
  readonly path: string;
  readonly number: number;
  readonly compressed: boolean;
  readonly inode: number;
}

const lockTries = 100;
const lockWait = 10;

/** Idempotent. Not to be called for one log twice at a time. */
export async function tidyRotatedFiles(log: string, tidiness: Tidiness): Promise<void> {
  const listed = await listRotated(log);
  if (listed.length === 0) return;
  const free = freeOf(listed, tidiness.needed);
  if (free.some(({ number }) => number >= tidiness.maxFiles)) {
    await underLock(log, async () => {
      for (const file of freeOf(await listRotated(log), tidiness.needed)) if (file.number >= tidiness.maxFiles) await unlink(file.path);
    });
  }
  if (!tidiness.compress) return;
  for (const file of free) if (!file.compressed && file.number < tidiness.maxFiles) await compressFile(log, file);
}

/** Those older than what is needed. */
function freeOf(files: readonly RotatedFile[], needed: number | undefined): RotatedFile[] {
  const place = files.findIndex(({ inode }) => inode === needed);
  return place === -1 ? [...files] : files.slice(place + 1);
}

/** Newest first. */
async function listRotated(log: string): Promise<RotatedFile[]> {
  const files: RotatedFile[] = [];
  for (let number = 1; ; number += 1) {
    const plain = await describe(`${log}.${number}`, number, false);
    const compressed = await describe(`${log}.${number}.gz`, number, true);
    if (plain !== undefined) files.push(plain);
    if (compressed !== undefined) files.push(compressed);
    if (plain === undefined && compressed === undefined) return files;
  }
}

async function describe(path: string, number: number, compressed: boolean): Promise<RotatedFile | undefined> {
  try {
    return { path, number, compressed, inode: (await stat(path)).ino };
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function compressFile(log: string, file: RotatedFile): Promise<void> {
  const unfinished = `${log}.compressing`;
  try {
    await pipeline(createReadStream(file.path), createGzip({ level: 1 }), createWriteStream(unfinished, { mode: 0o640 }));
  } catch (error) {
    // Rotated away meanwhile: the next time finds it under its new name.
    if (failedWith(error, 'ENOENT')) return;
    throw error;
  }
  await underLock(log, async () => {
    // What was read may have been another file by then.
    const current = (await listRotated(log)).find(({ inode, compressed }) => inode === file.inode && !compressed);
    if (current === undefined || current.path !== file.path) return unlink(unfinished);
    await rename(unfinished, `${current.path}.gz`);
    await unlink(current.path);
  });
}

async function underLock(log: string, work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; attempt <= lockTries; attempt += 1) {
    using lock = lockFile(`${log}.lock`);
    if (lock !== undefined) return work();
    await delay(lockWait);
  }
}
