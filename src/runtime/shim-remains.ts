/**
 * What a shim leaves in its directories, and how it is made good when the shim was killed: the process
 * that nobody holds any more is killed, the runtime's record of it and the run directory are removed.
 */
import { existsSync } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { uptime } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { nowNanoseconds } from '#base/timestamp.ts';
import { ProcessHandle, readProcessIdentity } from '#kernel/pidfd.ts';
import { processesWithWord } from '#kernel/process-command.ts';
import { runProgram } from '#kernel/run-program.ts';
import type { ContainerLaunch, ExecLaunch, ExitReport } from './contract.ts';

const SIGKILL = 9;
/** A killed process that is frozen or in uninterruptible sleep may take its time; whoever is told of its end sees to the rest. */
const killPatience = 1000;

/** Written by the shim into the run directory: pid and start time of the process, and the launch record. */
const processFile = 'process';
/** Written there by the runtime, `PID_FILE` of `native/shim/runtime.h`. */
const pidFile = 'pid';
/** How long a runtime that lost its shim may take to end by itself before it is killed. */
const runtimePatience = 2000;
/** /proc tells times in these. */
const ticksPerSecond = 100;
/** Between the clocks of processes and files, in milliseconds. */
const clockTolerance = 2000;

/** What whoever has to clear up must know of a launch; the shim keeps it. */
export function launchRecord(options: ContainerLaunch | ExecLaunch): object {
  const { kind, containerId, runtimePath, runtimeRoot } = options;
  return { kind, containerId, ...(kind === 'exec' && { execId: options.execId }), runtimePath, runtimeRoot, cgroup: options.cgroup.kind };
}

export function exitFileName(execId: string | undefined): string {
  return execId === undefined ? 'exit.json' : `exit-${execId}.json`;
}

/** The report of a shim that has ended; undefined when there is none of this process. `pid` 0: unknown. */
export async function readExitFile(stateDirectory: string, name: string, pid: number): Promise<ExitReport | undefined> {
  const content = await readJson(`${stateDirectory}/${name}`);
  const finishedAt = momentOf(content?.['finishedAt']);
  if (content === undefined || typeof content['exitCode'] !== 'number' || finishedAt === undefined) return undefined;
  if (pid !== 0 && content['pid'] !== pid) return undefined;
  return { exitCode: content['exitCode'], finishedAt, startedAt: momentOf(content['startedAt']), signal: typeof content['signal'] === 'number' ? content['signal'] : undefined, reason: 'exited' };
}

/** What a shim that lives, or was killed, has noted of its process. */
export interface ProcessNote {
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly startTime: bigint;
  readonly startedAt: bigint | undefined;
  readonly launch: unknown;
}

/** Undefined when the process was not started yet, or the note is damaged. */
export async function readProcessNote(runDirectory: string): Promise<ProcessNote | undefined> {
  const content = await readJson(`${runDirectory}/${processFile}`);
  const startTime = momentOf(content?.['startTime']);
  if (content === undefined || typeof content['pid'] !== 'number' || startTime === undefined) return undefined;
  return { pid: content['pid'], startTime, startedAt: momentOf(content['startedAt']), launch: content['launch'] };
}

function momentOf(value: unknown): bigint | undefined {
  return typeof value === 'string' && /^[1-9]\d*$/.test(value) ? BigInt(value) : undefined;
}

/** What the daemon that launched a lost shim knows without its record. */
export interface LostLaunch {
  readonly process: ProcessHandle | undefined;
  readonly record: unknown;
}

/** Kills what a lost shim has left running and removes its traces. The report says `shim-lost`. */
export async function clearAfterLostShim(runDirectory: string, known: LostLaunch): Promise<ExitReport> {
  const note = await readProcessNote(runDirectory);
  if (known.process !== undefined) {
    if (known.process.signal(SIGKILL)) await known.process.ended(killPatience);
  } else if (note !== undefined) {
    await killProcess(note.pid, note.startTime);
  } else {
    await killUnnoted(runDirectory);
  }
  await forgetContainer(known.record ?? note?.launch);
  await rm(runDirectory, { recursive: true, force: true });
  return { exitCode: 128 + SIGKILL, finishedAt: nowNanoseconds(), reason: 'shim-lost' };
}

/** After a start that failed: a shim clears up after itself, so what it has left it was killed over. */
export async function clearFailedStart(runDirectory: string): Promise<void> {
  if (!existsSync(runDirectory)) return;
  await killUnnoted(runDirectory);
  await rm(runDirectory, { recursive: true, force: true });
}

/** Kills the process of a shim that was killed before it heard of it: the runtime goes on without the shim. */
async function killUnnoted(runDirectory: string): Promise<void> {
  const path = `${runDirectory}/${pidFile}`;
  const deadline = performance.now() + runtimePatience;
  for (let runtimes = processesWithWord(path); runtimes.length > 0; runtimes = processesWithWord(path)) {
    if (performance.now() >= deadline) {
      for (const pid of runtimes) await killWith(pid, (handle) => processesWithWord(path).includes(handle.pid));
      break;
    }
    await delay(20);
  }
  const pid = Number(await readText(path));
  if (!Number.isSafeInteger(pid) || pid <= 1) return;
  const writtenBefore = Date.now() - (await stat(path)).mtimeMs;
  // One that began after it was written about is another's with the same pid.
  await killWith(pid, ({ pid: held }) => {
    const startTime = readProcessIdentity(held)?.startTime;
    return startTime !== undefined && (uptime() - Number(startTime) / ticksPerSecond) * 1000 >= writtenBefore - clockTolerance;
  });
}

async function killProcess(pid: number, startTime: bigint): Promise<void> {
  await killWith(pid, () => readProcessIdentity(pid)?.startTime === startTime);
}

async function killWith(pid: number, isMeant: (handle: ProcessHandle) => boolean): Promise<void> {
  using handle = ProcessHandle.open(pid);
  // Asked while the handle is held, so that the answer is about the process it stands for.
  if (handle === undefined || !isMeant(handle)) return;
  if (handle.signal(SIGKILL)) await handle.ended(killPatience);
}

async function forgetContainer(launch: unknown): Promise<void> {
  if (typeof launch !== 'object' || launch === null) return;
  const { kind, containerId, runtimePath, runtimeRoot, cgroup }: Readonly<Record<string, unknown>> = { ...launch };
  if (kind !== 'container' || typeof containerId !== 'string' || typeof runtimePath !== 'string' || typeof runtimeRoot !== 'string') return;
  if (cgroup === 'runtime' || cgroup === 'systemd') {
    // Removes the cgroup, too. If it fails, what it knew goes with the record below.
    await runProgram(runtimePath, ['--root', runtimeRoot, 'delete', '--force', containerId]);
  }
  await rm(`${runtimeRoot}/${containerId}`, { recursive: true, force: true });
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** An object, or undefined when the file is missing or torn. */
async function readJson(path: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
