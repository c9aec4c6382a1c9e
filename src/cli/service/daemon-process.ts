/** The daemon that runs here: who it is, and its end. */
import { readFileSync, watch } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { defaultSocketPath } from '#client/endpoint.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { daemonLog } from '#cli/daemon-launch.ts';

/** Where a daemon is found: its socket, and the file in which it says who it is. */
export interface DaemonPlace {
  readonly socket: string;
  readonly pidFile: string;
}

export const defaultPlace: DaemonPlace = { socket: defaultSocketPath, pidFile: join(dirname(defaultSocketPath), 'dhowd.pid') };

/** The daemon's process; undefined if none lives. */
export function daemonPid({ pidFile }: DaemonPlace = defaultPlace): number | undefined {
  const pid = readPid(pidFile);
  return pid !== undefined && isAlive(pid) ? pid : undefined;
}

function readPid(pidFile: string): number | undefined {
  try {
    const text = readFileSync(pidFile, 'utf8').trim();
    return /^[1-9][0-9]*$/.test(text) ? Number(text) : undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/**
 * Asks the daemon to end and waits until it has. That is told by its pid file, which it removes last, and by
 * its connections, which the kernel closes however it ends.
 * @param seconds how long it may take
 * @throws CommandFailure when it is not permitted, or takes longer
 */
export async function endDaemon(
  pid: number, { seconds, signal, place = defaultPlace }: { seconds: number; signal: AbortSignal; place?: DaemonPlace },
): Promise<void> {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const check = (): void => {
    if (readPid(place.pidFile) !== pid || !isAlive(pid)) resolve();
  };
  const watcher = watch(dirname(place.pidFile), check);
  const connection = connect({ path: place.socket });
  let timer: NodeJS.Timeout | undefined;
  connection.on('error', check);
  connection.on('close', () => {
    // A process that was killed is there until its parent has taken note, of which nobody is told.
    timer = setInterval(check, 20);
  });
  const late = AbortSignal.timeout(seconds * 1000);
  const stopped = AbortSignal.any([late, signal]);
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => {
    reject(late.aborted ? new CommandFailure(`dhowd (PID ${pid}) has not ended within ${seconds} seconds: its log ${daemonLog} tells what it waits for`) : signal.reason);
  };
  stopped.addEventListener('abort', onAbort, { once: true });
  try {
    terminate(pid);
    check();
    await Promise.race([ended, aborted]);
  } finally {
    stopped.removeEventListener('abort', onAbort);
    watcher.close();
    connection.removeAllListeners('close').destroy();
    clearInterval(timer);
  }
}

function terminate(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    if (error.code === 'ESRCH') return;
    throw new CommandFailure(`dhowd (PID ${pid}) cannot be stopped: ${error.code === 'EPERM' ? 'only root may do so' : error.message}`, 1, error);
  }
}
