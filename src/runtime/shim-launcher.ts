/**
 * Starts shims and takes up those of an earlier daemon. A shim is not a child that libuv knows: it is
 * spawned without a fork of the daemon, talks over a socket pair, and lives on when the daemon ends.
 */
import { closeSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { fail, isFailure } from '#base/errors/failure.ts';
import { posixSpawnDetached } from '#kernel/posix-spawn.ts';
import { Reaper } from '#kernel/reaper.ts';
import { openSocketPair } from '#kernel/socketpair.ts';
import type { ContainerLaunch, ExecLaunch, ExitReport, ShimLauncher, ShimProcess } from './contract.ts';
import { attachStreamOf, connectShim, rolesOf, shimSocketPath, socketOf } from './shim-connection.ts';
import { role } from './shim-frames.ts';
import { clearAfterLostShim, clearFailedStart, exitFileName, launchRecord, readExitFile, readProcessNote } from './shim-remains.ts';
import { ShimSession, signalProcess } from './shim-session.ts';

export interface ShimLauncherOptions {
  /** Absolute path of the compiled `dhow-shim`. */
  readonly shimPath: string;
  /** Environment of shim and runtime; not of containers. Default: a PATH alone. */
  readonly environment?: Readonly<Record<string, string>>;
}

type Launch = ContainerLaunch | ExecLaunch;

const SIGKILL = 9;
/** The shim's descriptors: 3 is its control channel, attachments follow, then the connections served directly. */
const firstAttachment = 4;
/** How long a shim may take to give up a start before it is killed. */
const abortPatience = 5000;
/** How long a start of the daemon waits for the answer of one shim. */
const adoptionPatience = 3000;

export function createShimLauncher(options: ShimLauncherOptions): ShimLauncher {
  const reaper = new Reaper();
  const successor = { awaited: false };
  return {
    launch: (launch, signal) => launchShim(options, { reaper, successor }, launch, signal),
    handOver: () => void (successor.awaited = true),
    adopt: adoptShim,
    clearLost,
  };
}

interface LauncherState {
  readonly reaper: Reaper;
  /** Whether another daemon wants to know the end of what runs. */
  readonly successor: { readonly awaited: boolean };
}

async function launchShim(options: ShimLauncherOptions, { reaper, successor }: LauncherState, launch: Launch, signal: AbortSignal): Promise<ShimProcess> {
  signal.throwIfAborted();
  prepareDirectories(launch);
  const connections = launch.attachments.map(({ connection }) => connection?.descriptor);
  const { pid: shimPid, sockets } = spawnShim(options, launch, connections);
  const [control, ...clients] = sockets.map(socketOf);
  if (control === undefined) throw new Error('bug: a shim without control channel');
  const attached = clients.map((client, place) => attachStreamOf(client, connections[place] !== undefined));
  const exitFile = exitFileName(launch.kind === 'exec' ? launch.execId : undefined);
  const session = new ShimSession({ ...launch, control, attached, exitFile, record: launchRecord(launch), adopted: false, onClosed: () => reaper.reap(shimPid) });
  let killer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    session.abort();
    // A runtime that hangs in the kernel holds up the shim that clears up after it.
    killer = setTimeout(() => signalProcess(shimPid, 'SIGKILL'), abortPatience);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await session.started;
    if (signal.aborted) await killStarted(session);
    signal.throwIfAborted();
  } catch (error) {
    for (const stream of attached) stream.destroy();
    await endShim(session, shimPid);
    if (isFailure(error, 'runtime.start_failed')) await clearFailedStart(launch.runDirectory);
    signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(killer);
    signal.removeEventListener('abort', onAbort);
  }
  // Nobody adopts an exec whose end this daemon has seen. If its file cannot be removed it goes with the directory.
  if (launch.kind === 'exec') {
    void session.exited.then(async () => {
      if (!successor.awaited) await rm(`${launch.stateDirectory}/${exitFile}`, { force: true }).catch(() => undefined);
    });
  }
  return session;
}

/** The shim had told of the start before it read that it should give up. */
async function killStarted(session: ShimSession): Promise<void> {
  session.signal(SIGKILL);
  await session.exited;
}

async function endShim(session: ShimSession, shimPid: number): Promise<void> {
  const killer = setTimeout(() => signalProcess(shimPid, 'SIGKILL'), abortPatience);
  try {
    await session.closed;
  } finally {
    clearTimeout(killer);
  }
}

function prepareDirectories(launch: Launch): void {
  shimSocketPath(launch.runDirectory);
  // Nothing of an earlier run may be taken for this one's.
  rmSync(launch.runDirectory, { recursive: true, force: true });
  mkdirSync(launch.runDirectory, { recursive: true, mode: 0o700 });
  mkdirSync(launch.stateDirectory, { recursive: true, mode: 0o700 });
  rmSync(`${launch.stateDirectory}/${exitFileName(launch.kind === 'exec' ? launch.execId : undefined)}`, { force: true });
  if (launch.kind === 'exec') writeFileSync(processPath(launch), JSON.stringify(launch.process), { mode: 0o600 });
}

function processPath(launch: ExecLaunch): string {
  return `${launch.runDirectory}/process.json`;
}

/** Answers the shim's pid and our ends of control channel and attachments. */
function spawnShim(options: ShimLauncherOptions, launch: Launch, connections: readonly (number | undefined)[]): { readonly pid: number; readonly sockets: readonly number[] } {
  const ours: number[] = [];
  const theirs: number[] = [];
  try {
    for (let count = 0; count <= launch.attachments.length; count++) {
      const [near, far] = openSocketPair();
      ours.push(near);
      theirs.push(far);
    }
    const environment = options.environment ?? { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
    const pid = posixSpawnDetached({ path: options.shimPath, parameters: shimParameters(launch, connections), environment, descriptors: [...theirs, ...connections.filter((one) => one !== undefined)] });
    return { pid, sockets: ours };
  } catch (error) {
    for (const descriptor of ours) closeSync(descriptor);
    rmSync(launch.runDirectory, { recursive: true, force: true });
    if (isFailure(error, 'kernel.syscall_failed') && error.details['syscall'] === 'posix_spawn') {
      throw fail('runtime.shim_missing', { path: options.shimPath, reason: error.details['reason'] }, error);
    }
    throw error;
  } finally {
    for (const descriptor of theirs) closeSync(descriptor);
  }
}

/** The shim's command line; see `native/shim/options.h`. */
function shimParameters(launch: Launch, connections: readonly (number | undefined)[]): string[] {
  const parameters = [
    '--id', launch.containerId,
    '--run-directory', launch.runDirectory,
    '--state-directory', launch.stateDirectory,
    '--exit-file', exitFileName(launch.kind === 'exec' ? launch.execId : undefined),
    '--record', JSON.stringify(launchRecord(launch)),
    '--runtime', launch.runtimePath,
    '--runtime-root', launch.runtimeRoot,
    '--crun', launch.crun ? 'yes' : 'no',
    '--program', launch.program,
    '--stdin', launch.stdio.stdin,
  ];
  if (launch.stdio.terminal) {
    parameters.push('--terminal', 'yes');
    const size = launch.stdio.consoleSize;
    if (size !== undefined) parameters.push('--rows', String(size.rows), '--columns', String(size.columns));
  }
  const { outOfMemoryScore, stdio: { owner } } = launch;
  if (outOfMemoryScore !== undefined) parameters.push('--oom-score', String(outOfMemoryScore));
  if (owner !== undefined) parameters.push('--uid', String(owner.uid), '--gid', String(owner.gid));
  if (launch.cgroup.kind === 'join') for (const file of launch.cgroup.tasksFiles) parameters.push('--join', file);
  if (launch.cgroup.kind === 'systemd') parameters.push('--systemd', 'yes');
  let place = firstAttachment + launch.attachments.length;
  launch.attachments.forEach((attachment, index) => {
    parameters.push('--attach', String(rolesOf(attachment)));
    if (connections[index] !== undefined) parameters.push('--connection', String(place++));
  });
  if (launch.kind === 'exec') return [...parameters, '--process', processPath(launch)];
  parameters.push('--bundle', launch.bundle);
  if (launch.held) parameters.push('--held', 'yes');
  if (launch.withoutCoreLink) parameters.push('--without-core', 'yes');
  if (launch.log !== undefined) {
    parameters.push('--log', launch.log.path, '--log-max-size', String(launch.log.maxSize), '--log-max-files', String(launch.log.maxFiles));
    if (launch.log.sharing !== undefined) parameters.push('--log-sharing', launch.log.sharing);
    if (launch.log.attributes !== undefined) parameters.push('--log-attributes', launch.log.attributes);
  }
  return parameters;
}

async function adoptShim(options: Parameters<ShimLauncher['adopt']>[0]): Promise<ShimProcess | ExitReport> {
  const { containerId, runDirectory, stateDirectory } = options;
  const exitFile = exitFileName(options.execId);
  const base = { containerId, attached: [], runDirectory, stateDirectory, exitFile, record: undefined, adopted: true, onClosed: () => undefined } as const;
  const connection = connectShim(runDirectory, role.control);
  connection.catch(() => undefined);
  const control = await within(adoptionPatience, connection);
  const note = await readProcessNote(runDirectory);
  if (control === 'late' && note !== undefined && options.shimPid > 0) {
    // Stopped by somebody: the container is there all the same, and is taken up when the shim goes on.
    return new ShimSession({ ...base, control: connection.catch(() => undefined), silent: { pid: note.pid, shimPid: options.shimPid }, startedAt: note.startedAt });
  }
  if (control === 'late') void connection.then((socket) => socket?.destroy()).catch(() => undefined);
  else if (control !== undefined) {
    const session = new ShimSession({ ...base, control, startedAt: note?.startedAt });
    try {
      const answer = await within(abortPatience, session.started);
      if (answer !== 'late') return session;
      // A start that hangs, and nobody waits for it any more.
      session.abort();
      await within(adoptionPatience, session.closed);
      await session[Symbol.asyncDispose]();
    } catch (error) {
      // It ended between our connection and its answer, or gives up a start whose daemon has died.
      if (!isFailure(error, 'runtime.start_failed')) throw error;
      await session.closed;
    }
  }
  const report = await readExitFile(stateDirectory, exitFile, options.pid);
  if (report === undefined) return await clearAfterLostShim(runDirectory, { process: undefined, record: undefined });
  await rm(runDirectory, { recursive: true, force: true });
  return report;
}

async function clearLost(runDirectory: string): Promise<void> {
  const connection = connectShim(runDirectory, role.control);
  const control = await within(adoptionPatience, connection);
  void connection.then((socket) => socket?.destroy()).catch(() => undefined);
  if (control === undefined) await clearAfterLostShim(runDirectory, { process: undefined, record: undefined });
}

async function within<T>(milliseconds: number, work: Promise<T>): Promise<T | 'late'> {
  const { promise: late, resolve } = Promise.withResolvers<'late'>();
  const timer = setTimeout(resolve, milliseconds, 'late');
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
