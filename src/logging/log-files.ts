/**
 * The files of a log in their order. Rotation renames them at any moment: `path.1` to `path.2`, `path` to
 * `path.1`, then a new `path`; so what was opened counts only if the order is still the same afterwards.
 */
import { stat } from 'node:fs/promises';
import { isSameFile, openLogFile, type LogFile } from './log-file.ts';

const attempts = 20;

/** All files, oldest first, opened as one consistent picture. Empty when there is no log. */
export async function openLogFiles(path: string): Promise<LogFile[]> {
  for (let attempt = 1; ; attempt += 1) {
    const files = await openInOrder(path);
    const newest = files.at(-1);
    if (attempt === attempts || (await isStill(path, newest))) return files;
    await closeAll(files);
  }
}

async function openInOrder(path: string): Promise<LogFile[]> {
  const files: LogFile[] = [];
  try {
    const newest = await openLogFile(path, false);
    if (newest !== undefined) files.push(newest);
    for (let number = 1; ; number += 1) {
      const file = await openRotated(path, number);
      if (file === undefined) return files.reverse();
      if (files.some((other) => isSameFile(other, file))) await file[Symbol.asyncDispose]();
      else files.push(file);
    }
  } catch (error) {
    await closeAll(files);
    throw error;
  }
}

async function openRotated(path: string, number: number): Promise<LogFile | undefined> {
  return (await openLogFile(`${path}.${number}`, false)) ?? (await openLogFile(`${path}.${number}.gz`, true));
}

/**
 * The file that was begun after `file`, or `undefined` while `file` is the one being written. When `file` is
 * gone, by many rotations or by compression, the oldest that is not compressed: that one is newer.
 */
export async function openSuccessor(path: string, file: LogFile): Promise<LogFile | undefined> {
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    if (await isStill(path, file)) return undefined;
    const files = await openLogFiles(path);
    const place = files.findIndex((other) => isSameFile(other, file));
    const next = place === -1 ? files.find((other) => !other.compressed) : files[place + 1];
    await closeAll(files.filter((other) => other !== next));
    if (next !== undefined) return next;
  }
  return undefined;
}

async function isStill(path: string, file: LogFile | undefined): Promise<boolean> {
  try {
    const { dev: device, ino: inode } = await stat(path);
    return file !== undefined && isSameFile(file, { device, inode });
  } catch (error) {
    // Between the renaming and the new file there is none, as there is none before the first start.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return file === undefined;
    throw error;
  }
}

export async function closeAll(files: readonly LogFile[]): Promise<void> {
  for (const file of files) await file[Symbol.asyncDispose]();
}
