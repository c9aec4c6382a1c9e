/** The daemon as a service of systemd: its unit, and what systemctl is asked. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { CommandFailure } from '#cli/command-failure.ts';

export const unitName = 'dhowd.service';
export const unitPath = `/etc/systemd/system/${unitName}`;
export const socketUnitName = 'dhowd.socket';
export const socketUnitPath = `/etc/systemd/system/${socketUnitName}`;

/** Whether systemd runs this system, as sd_booted(3) finds out. */
export function isSystemdRunning(): boolean {
  return existsSync('/run/systemd/system');
}

export function isInstalled(): boolean {
  return isSystemdRunning() && existsSync(unitPath);
}

/** Whether systemd has the daemon running. */
export function isActive(): boolean {
  return isInstalled() && spawnSync('systemctl', ['is-active', '--quiet', unitName]).status === 0;
}

/** @throws CommandFailure with what systemctl said */
export function systemctl(...words: readonly string[]): void {
  const { status, stderr, error } = spawnSync('systemctl', words, { encoding: 'utf8' });
  if (status === 0) return;
  const reason = error === undefined ? stderr.trim() || `exit code ${status}` : error.message;
  throw new CommandFailure(`systemctl ${words.join(' ')} failed: ${reason}`);
}

/** Hands the journal's lines of the service to this program's output; gives journalctl's exit code. */
export async function showJournal({ follow, tail, signal }: { follow: boolean; tail: string; signal: AbortSignal }): Promise<number> {
  const words = ['-u', unitName, '--no-pager', '-o', 'cat', '-n', tail, ...(follow ? ['-f'] : [])];
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const journal = spawn('journalctl', words, { stdio: ['ignore', 'inherit', 'inherit'], signal });
  journal.once('error', (error) => reject(signal.aborted ? signal.reason : new CommandFailure(`journalctl cannot be run: ${error.message}`, 1, error)));
  journal.once('exit', (code) => resolve(code ?? 1));
  return await promise;
}

/**
 * The unit (systemd.service(5)). KillMode=process: stopping the daemon leaves the containers alone;
 * Delegate=yes: the control groups below the service are the daemon's own.
 */
export function unitText(program: string, entry: string): string {
  return `[Unit]
Description=Dhow container engine
Wants=network-online.target
After=network-online.target nss-lookup.target ${socketUnitName}
Requires=${socketUnitName}

[Service]
Type=notify
NotifyAccess=all
ExecStart=${quoted(program)} ${quoted(entry)}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=1
KillMode=process
Delegate=yes
LimitNOFILE=infinity
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
OOMScoreAdjust=-500

[Install]
WantedBy=multi-user.target
`;
}

/** The socket (systemd.socket(5)), which stays open while the daemon is started anew: clients wait and are not refused. */
export function socketUnitText(path: string): string {
  return `[Unit]
Description=Socket of the Dhow container engine

[Socket]
ListenStream=${path}
SocketMode=0660
SocketUser=root
SocketGroup=root

[Install]
WantedBy=sockets.target
`;
}

/** A word of a command line as systemd reads it. */
function quoted(word: string): string {
  const escaped = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /[\s"'\\;]/.test(escaped) ? `"${escaped.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"` : escaped;
}
