/** Starts the daemon when there is none and the user may: the first command after boot just works. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, closeSync, watch } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { defaultSocketPath } from '#client/endpoint.ts';
import type { Output } from './streams/output.ts';

export const daemonLog = '/var/log/dhow/dhowd.log';

/**
 * Starts `dhowd` in the background, detached from the terminal, and waits until its socket is there.
 * False: this user may not, or the daemon is not installed beside this program. @throws Error when it ended at once
 */
export async function startDaemon(stderr: Output): Promise<boolean> {
  const entry = daemonEntry();
  if (process.getuid?.() !== 0 || entry === undefined) return false;
  stderr.writeLine(`dhow: no daemon is running, starting dhowd in the background (log: ${daemonLog})`);
  mkdirSync(dirname(daemonLog), { recursive: true });
  mkdirSync(dirname(defaultSocketPath), { recursive: true });
  const log = openSync(daemonLog, 'a');
  const watcher = watch(dirname(defaultSocketPath));
  const daemon = spawn(process.execPath, [entry], { detached: true, stdio: ['ignore', log, log], cwd: '/' });
  closeSync(log);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // The socket's file may be a dead daemon's, so only an accepted connection counts.
  const check = (): Promise<void> => answers().then((does) => (does ? resolve() : undefined));
  watcher.on('change', () => void check());
  daemon.once('error', reject);
  daemon.once('exit', (code, signal) => {
    // Another program may have started one in the same moment: then ours has given way.
    void check().then(() => reject(new Error(`dhowd ended as it started (${signal ?? `exit code ${code}`}): its log ${daemonLog} tells why`)));
  });
  try {
    await promise;
  } finally {
    watcher.close();
    daemon.removeAllListeners();
    daemon.unref();
  }
  return true;
}

/**
 * Starts a daemon that takes over from the one that runs, and waits until it has. False: this user may not, the
 * daemon is not installed beside this program, or the new one ended.
 */
export async function replaceDaemon(hasTakenOver: () => boolean, signal: AbortSignal): Promise<boolean> {
  const entry = daemonEntry();
  if (process.getuid?.() !== 0 || entry === undefined) return false;
  mkdirSync(dirname(daemonLog), { recursive: true });
  const log = openSync(daemonLog, 'a');
  const watcher = watch(dirname(defaultSocketPath));
  const daemon = spawn(process.execPath, [entry, '--replace'], { detached: true, stdio: ['ignore', log, log], cwd: '/' });
  closeSync(log);
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  // The pid file is written anew when the data root changes hands; from then on requests are the new one's.
  const check = (): void => {
    if (hasTakenOver()) void answers().then((does) => does && resolve(true));
  };
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  watcher.on('change', check);
  daemon.once('error', reject);
  daemon.once('exit', () => resolve(false));
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
    watcher.close();
    daemon.removeAllListeners();
    daemon.unref();
  }
}

function answers(): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ path: defaultSocketPath }, () => resolve(true));
  socket.once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}

/** `bin/dhowd.mjs` beside the bundle or the sources. */
export function daemonEntry(): string | undefined {
  const script = process.argv[1];
  if (script === undefined) return undefined;
  for (let directory = dirname(script); directory !== dirname(directory); directory = dirname(directory)) {
    const candidate = join(directory, 'bin', 'dhowd.mjs');
    if (existsSync(candidate)) return candidate;
  }
  return undefined;
}
