/**
 * Sees to it that a data root has one daemon: a lock on the root, which the kernel gives back whatever ends
 * the daemon, and the pid file, which tells users and scripts who it is.
 */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fail } from '#base/errors/failure.ts';
import { lockFile } from '#kernel/file-lock.ts';
import { commandLineOf } from '#kernel/process-command.ts';

const lockName = 'dhowd.lock';

export interface DaemonClaim extends AsyncDisposable {
  readonly pid: number;
}

/**
 * Claims the data root and writes the pid file. Stale files are taken over.
 * @throws daemon.data_root_in_use, daemon.already_running; both name the other daemon
 */
export async function claimDaemon(paths: { readonly dataRoot: string; readonly pidFile: string }): Promise<DaemonClaim> {
  await mkdir(paths.dataRoot, { recursive: true, mode: 0o710 });
  await using opened = new AsyncDisposableStack();
  const lockPath = join(paths.dataRoot, lockName);
  const lock = lockFile(lockPath);
  if (lock === undefined) {
    const pid = await readPid(lockPath);
    throw fail('daemon.data_root_in_use', { path: paths.dataRoot, holder: pid === undefined ? 'another daemon' : `the daemon with PID ${pid}` });
  }
  opened.use(lock);
  await writeFile(lockPath, String(process.pid));
  const running = await readPid(paths.pidFile);
  if (running !== undefined && running !== process.pid && isAlive(running)) throw fail('daemon.already_running', { path: paths.pidFile, pid: running });
  await writePid(paths.pidFile);
  opened.defer(async () => {
    // Another daemon's file is not ours to remove.
    if ((await readPid(paths.pidFile)) === process.pid) await rm(paths.pidFile, { force: true });
  });
  const kept = opened.move();
  return { pid: process.pid, [Symbol.asyncDispose]: async () => kept.disposeAsync() };
}

/** The daemon that has the data root; undefined: nobody has it. */
export async function daemonOf(dataRoot: string): Promise<number | undefined> {
  const lockPath = join(dataRoot, lockName);
  const pid = await readPid(lockPath);
  if (pid === undefined) return undefined;
  const lock = lockFile(lockPath);
  lock?.[Symbol.dispose]();
  return lock === undefined ? pid : undefined;
}

/**
 * Waits until nobody has the data root any more.
 * @throws daemon.not_handed_over when the signal aborts first
 */
export async function awaitRelease(dataRoot: string, signal: AbortSignal): Promise<void> {
  for (let holder = await daemonOf(dataRoot); holder !== undefined; holder = await daemonOf(dataRoot)) {
    if (signal.aborted) throw fail('daemon.not_handed_over', { path: dataRoot, pid: holder });
    await delay(10);
  }
}

/** The number in a pid file; undefined if there is no file or no number. */
async function readPid(path: string): Promise<number | undefined> {
  try {
    const text = (await readFile(path, 'utf8')).trim();
    return /^[1-9]\d*$/.test(text) ? Number(text) : undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function writePid(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o711 });
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, String(process.pid), { mode: 0o644 });
  await rename(draft, path);
}

/** Whether the process of an old pid file still runs and is a daemon: numbers are used again. */
function isAlive(pid: number): boolean {
  return commandLineOf(pid)?.some((word) => word.includes('dhowd')) === true;
}
