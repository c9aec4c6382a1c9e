/** What both versions do alike with the directory of a cgroup and everything below it. */
import { rmdirSync } from 'node:fs';
import { join, normalize } from 'node:path/posix';
import { setTimeout as delay } from 'node:timers/promises';
import { invariant } from '#base/errors/failure.ts';
import { failedWith } from '../failed-with.ts';
import { childDirectories, readSetting } from './control-file.ts';

/** The directory of the cgroup `path` in the hierarchy mounted at `mountPoint`. */
export function cgroupDirectory(mountPoint: string, path: string): string {
  invariant(path.startsWith('/') && normalize(path) === path && path !== '/', `cgroup path ${path} is not absolute and normal`);
  return join(mountPoint, path);
}

/** Pids in the cgroup and below, ascending. Processes outside this pid namespace, which read as 0, are left out. */
export function processesBelow(directory: string): number[] {
  const found = new Set<number>();
  collectProcesses(directory, found);
  return [...found].sort((a, b) => a - b);
}

function collectProcesses(directory: string, found: Set<number>): void {
  for (const line of (readSetting(join(directory, 'cgroup.procs')) ?? '').split('\n')) {
    if (line !== '' && line !== '0') found.add(Number(line));
  }
  for (const child of childDirectories(directory)) collectProcesses(join(directory, child), found);
}

const removalDelays = [1, 2, 4, 8, 16, 32];

/**
 * Removes the cgroups, deepest first. One whose last process is still being reaped is busy for a moment:
 * false when it stays so for longer than some tens of milliseconds.
 */
export async function removeTrees(directories: readonly string[]): Promise<boolean> {
  let left = directories.filter((directory) => !removeTree(directory));
  for (const milliseconds of removalDelays) {
    if (left.length === 0) return true;
    await delay(milliseconds);
    left = left.filter((directory) => !removeTree(directory));
  }
  return left.length === 0;
}

function removeTree(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return true;
    if (!failedWith(error, 'EBUSY', 'ENOTEMPTY')) throw error;
  }
  const children = childDirectories(directory);
  if (children.length === 0 || !children.map((child) => removeTree(join(directory, child))).every((gone) => gone)) return false;
  return removeTree(directory);
}

/** Sends SIGKILL; a process that is gone already is fine. */
export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (!failedWith(error, 'ESRCH')) throw error;
    }
  }
}
