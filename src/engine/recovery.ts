/**
 * What a start of the daemon does before it serves: takes up the containers of the daemon before it,
 * books what ended meanwhile, and removes what a crash left half-made. Idempotent.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '#base/errors/failure.ts';
import type { Sandbox } from '#network/contract.ts';
import type { ExitReport, ShimProcess } from '#runtime/contract.ts';
import type { ContainerLifecycle } from './containers/container-lifecycle.ts';
import type { ContainerRecord } from './containers/container-record.ts';
import { isRunning, startedState, withStatus } from './containers/container-state.ts';
import type { EngineParts } from './containers/engine-parts.ts';
import { sandboxLinks } from './containers/sandbox-links.ts';
import { timestampNow } from '#base/timestamp.ts';

export interface RecoveryReport {
  readonly adopted: number;
  readonly ended: number;
  readonly restarted: number;
}

export async function recover(parts: EngineParts, lifecycle: ContainerLifecycle): Promise<RecoveryReport> {
  const { registry, paths, snapshotter, networks, runtime, images } = parts;
  for (const directory of [paths.containersDirectory, paths.bundlesDirectory, paths.runsDirectory, paths.runtimeRoot]) {
    await mkdir(directory, { recursive: true, mode: 0o710 });
  }
  await images.repair();

  const found = await Promise.all(
    registry
      .all()
      .filter((record) => record.process !== undefined || isRunning(record.state))
      .map(async (record) => ({ record, outcome: await adopt(parts, record) })),
  );
  const live = found.filter((entry): entry is { record: ContainerRecord; outcome: ShimProcess } => isProcess(entry.outcome));
  const sandboxes = live.flatMap(({ record }) => (record.sandbox === undefined ? [] : [{ containerId: record.id, containerName: record.name, sandbox: record.sandbox }]));
  await networks.start(sandboxes);
  for (const { record, outcome } of live) {
    // A start that was not confirmed when the daemon died did happen.
    if (!isRunning(record.state)) {
      registry.update(record.id, {
        state: startedState(record.state, outcome.pid, timestampNow()),
        startedBefore: true,
        process: { runDirectory: paths.runDirectory(record.id), cgroupPath: runtime.cgroupPath(record), ...record.process, pid: outcome.pid, shimPid: outcome.shimPid },
      });
    }
    lifecycle.adopt(registry.require(record.id), outcome);
  }

  const ended = found.filter((entry): entry is { record: ContainerRecord; outcome: ExitReport | undefined } => !isProcess(entry.outcome));
  await Promise.all(ended.map(async ({ record, outcome }) => settle(parts, lifecycle, record, outcome)));

  const running = new Set(registry.all().filter((record) => isRunning(record.state)).map((record) => record.id));
  const known = new Set(registry.all().map((record) => record.id));
  await snapshotter.repair(known, running);
  await runtime.repair(running);
  sandboxLinks.repair(paths.executionRoot, sandboxes.map(({ sandbox }): Sandbox => sandbox));
  await removeStrangers(paths.containersDirectory, known);
  for (const record of registry.all().filter(({ state }) => state.status === 'removing' || state.status === 'dead')) {
    using _held = await parts.mutex.acquire(record.id);
    await lifecycle.removeHeld(record.id, { volumes: true });
  }
  return { adopted: live.length, ended: ended.length, restarted: restartWanted(parts, lifecycle) };
}

function isProcess(outcome: ShimProcess | ExitReport | undefined): outcome is ShimProcess {
  return outcome !== undefined && 'exited' in outcome;
}

/** Undefined: it never ran. */
async function adopt(parts: EngineParts, record: ContainerRecord): Promise<ShimProcess | ExitReport | undefined> {
  const { process } = record;
  const outcome = await parts.launcher.adopt({
    containerId: record.id,
    pid: process?.pid ?? record.state.pid,
    shimPid: process?.shimPid ?? 0,
    runDirectory: process?.runDirectory ?? parts.paths.runDirectory(record.id),
    stateDirectory: parts.paths.containerDirectory(record.id),
  });
  if (!isProcess(outcome) && !isRunning(record.state) && outcome.reason === 'shim-lost') return undefined;
  return outcome;
}

/** Books the end of a process, or takes back a start that never happened. */
async function settle(parts: EngineParts, lifecycle: ContainerLifecycle, record: ContainerRecord, report: ExitReport | undefined): Promise<void> {
  const { registry, runtime, networks } = parts;
  if (isRunning(record.state) && report !== undefined) {
    await lifecycle.recordExit(record.id, report);
    return;
  }
  const cgroupPath = record.process?.cgroupPath ?? runtime.cgroupPath(record);
  await runtime.killAll(record);
  await runtime.release(record.id, cgroupPath);
  if (record.sandbox !== undefined) await networks.destroy(record.id, record.sandbox);
  const current = registry.require(record.id);
  if (report !== undefined) {
    registry.update(record.id, { state: startedState(current.state, 0, timestampNow()), startedBefore: true });
    await lifecycle.recordExit(record.id, report);
  } else registry.update(record.id, { process: undefined, sandbox: undefined });
}

async function removeStrangers(directory: string, known: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!known.has(name)) await rm(join(directory, name), { recursive: true, force: true });
  }
}

/** Starts what its restart policy wants running: after a reboot, or a crash between two restarts. */
function restartWanted(parts: EngineParts, lifecycle: ContainerLifecycle): number {
  const wanted = parts.registry.all().filter((record) => {
    if (isRunning(record.state)) return false;
    if (record.state.status === 'restarting') return true;
    const policy = record.hostConfig.RestartPolicy.Name;
    if (!record.startedBefore || record.manuallyStopped) return policy === 'always' && record.startedBefore;
    return policy === 'always' || policy === 'unless-stopped';
  });
  for (const record of wanted) {
    if (record.state.status === 'restarting') parts.registry.update(record.id, { state: withStatus(record.state, 'exited') });
    lifecycle.start(record.id, new AbortController().signal).catch((error: unknown) => {
      parts.log('error', `could not restart container ${record.name}: ${messageOf(error)}`);
    });
  }
  return wanted.length;
}
