/**
 * What a start of the daemon does before it serves: takes up the containers of the daemon before it,
 * books what ended meanwhile, and removes what a crash left half-made. Idempotent.
 */
import { chmod, mkdir, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { messageOf } from '#base/errors/failure.ts';
import { removePins } from '#kernel/pinned-path.ts';
import type { Sandbox } from '#network/contract.ts';
import type { ExitReport, ShimProcess } from '#runtime/contract.ts';
import type { ContainerLifecycle } from './containers/container-lifecycle.ts';
import type { ContainerRecord } from './containers/container-record.ts';
import { isRunning, startedState, startTimestamp, withStatus } from './containers/container-state.ts';
import type { EngineParts } from './containers/engine-parts.ts';
import { imageSnapshotsOf } from './containers/image-mounts.ts';
import { restartContainer } from './containers/restart-container.ts';
import { sandboxLinks } from './containers/sandbox-links.ts';
import { mergedLimits } from './containers/update-container.ts';
import { formatTimestamp } from '#base/timestamp.ts';

export interface RecoveryReport {
  readonly adopted: number;
  readonly ended: number;
  readonly restarted: number;
}

/** @param takeUpExecs of the daemon before: its running ones are no strangers */
export async function recover(parts: EngineParts, lifecycle: ContainerLifecycle, takeUpExecs: () => Promise<void>): Promise<RecoveryReport> {
  const { registry, paths, snapshotter, networks, runtime, images, volumes, references, doomedVolumes } = parts;
  for (const directory of [paths.containersDirectory, paths.bundlesDirectory, paths.runsDirectory, paths.runtimeRoot]) {
    await mkdir(directory, { recursive: true, mode: 0o710 });
  }
  // Their root has to get to the files that are bound into containers.
  if (parts.remapping !== undefined) await chmod(paths.containersDirectory, 0o711);
  const step = async (what: string, work: () => Promise<void> | void): Promise<void> => attempt(parts, what, work);
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
  for (const { record, outcome } of live) await step(`take up container ${record.name}`, () => takeUp(parts, lifecycle, record, outcome));

  const ended = found.filter((entry): entry is { record: ContainerRecord; outcome: ExitReport | undefined } => !isProcess(entry.outcome));
  await Promise.all(ended.map(async ({ record, outcome }) => step(`book the end of container ${record.name}`, () => settle(parts, lifecycle, record, outcome))));

  const running = new Set(registry.all().filter((record) => isRunning(record.state)).map((record) => record.id));
  const known = new Set([...registry.all().map((record) => record.id), ...registry.damaged]);
  const withImages = (ids: ReadonlySet<string>): Set<string> => new Set([...ids, ...registry.all().filter(({ id }) => ids.has(id)).flatMap(imageSnapshotsOf)]);
  await step('repair the snapshots', () => snapshotter.repair(withImages(known), withImages(running)));
  await step('take away what starts had pinned', () => removePins(paths.pinsDirectory));
  await step('repair cgroups and bundles', () => runtime.repair(running));
  await step('take up execs', takeUpExecs);
  await step('repair execs', () => endLostExecs(parts));
  sandboxLinks.repair(paths.executionRoot, sandboxes.map(({ sandbox }): Sandbox => sandbox));
  await step('remove directories of containers that are gone', () => removeStrangers(paths.containersDirectory, known));
  for (const record of registry.all().filter(isLeftOver)) {
    await step(`remove container ${record.name}`, async () => {
      using _held = await parts.mutex.acquire(record.id);
      await lifecycle.removeHeld(record.id, record.removal ?? { volumes: true });
    });
  }
  await step('repair the volumes', async () => {
    await doomedVolumes.repair(volumes, references);
    await volumes.repair(usersOfVolumes(registry.all().filter(({ id }) => running.has(id))));
  });
  for (const record of registry.all()) {
    if (record.startedBefore) await step(`go on delivering the log of container ${record.name}`, () => parts.logDelivery.adopt(record, isRunning(record.state)));
  }
  finishRestarts(parts, lifecycle);
  return { adopted: live.length, ended: ended.length, restarted: restartWanted(parts, lifecycle) };
}

/** What is wrong with one thing must not keep the daemon from serving the others. */
async function attempt({ log }: EngineParts, what: string, work: () => Promise<void> | void): Promise<void> {
  try {
    await work();
  } catch (error) {
    log('error', `could not ${what}: ${messageOf(error)}; the next start of the daemon tries again`);
  }
}

function isProcess(outcome: ShimProcess | ExitReport | undefined): outcome is ShimProcess {
  return outcome !== undefined && 'exited' in outcome;
}

/** Its removal was begun, or is due because it has ended. */
function isLeftOver({ state, hostConfig, startedBefore, pendingRestart }: ContainerRecord): boolean {
  return state.status === 'removing' || state.status === 'dead' || (hostConfig.AutoRemove && state.status === 'exited' && startedBefore && pendingRestart === undefined);
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

async function takeUp(parts: EngineParts, lifecycle: ContainerLifecycle, record: ContainerRecord, shim: ShimProcess): Promise<void> {
  const { registry, runtime, paths } = parts;
  // A start that was not confirmed when the daemon died did happen.
  if (!isRunning(record.state)) {
    registry.update(record.id, {
      state: startedState(record.state, shim.pid, startTimestamp(shim.startedAt)),
      startedBefore: true,
      pendingRestart: undefined,
      process: { runDirectory: paths.runDirectory(record.id), cgroupPath: runtime.cgroupPath(record), ...record.process, pid: shim.pid, shimPid: shim.shimPid },
    });
  }
  const { state } = registry.require(record.id);
  // The daemon may have died between the freezer and the record.
  const status = runtime.frozen(record) ? 'paused' : 'running';
  if (state.status !== status) registry.update(record.id, { state: withStatus(state, status) });
  await finishUpdate(parts, registry.require(record.id));
  lifecycle.adopt(registry.require(record.id), shim);
}

/** Books the end of a process, or takes back a start that never happened. */
async function settle(parts: EngineParts, lifecycle: ContainerLifecycle, record: ContainerRecord, report: ExitReport | undefined): Promise<void> {
  const { registry, runtime } = parts;
  if (isRunning(record.state) && report !== undefined) {
    await lifecycle.recordExit(record.id, report);
    return;
  }
  await runtime.killAll(record);
  // The exit file of the run before is there until the next one's shim is started.
  const isBooked = report === undefined || formatTimestamp(report.finishedAt) === record.state.finishedAt;
  if (isBooked) await lifecycle.release(record.id);
  else {
    // It did start, and has ended: a restart that asked for it is done.
    registry.update(record.id, { state: startedState(record.state, 0, startTimestamp(report.startedAt ?? report.finishedAt)), startedBefore: true, pendingRestart: undefined });
    await lifecycle.recordExit(record.id, report);
  }
}

/** Kills execs whose shim was killed, and removes what the ended ones have left. */
async function endLostExecs({ paths, launcher, registry }: EngineParts): Promise<void> {
  const known = new Set(registry.all().map(({ id }) => basename(paths.runDirectory(id))));
  for (const name of await readdir(paths.runsDirectory)) if (!known.has(name)) await launcher.clearLost(join(paths.runsDirectory, name));
  const kept = new Set(await readdir(paths.runsDirectory));
  for (const { id } of registry.all()) {
    const directory = paths.containerDirectory(id);
    for (const name of await readdir(directory).catch(() => [])) {
      const execId = /^exit-([0-9a-f]{64})\.json/.exec(name)?.[1];
      if (execId !== undefined && !kept.has(basename(paths.runDirectory(execId)))) await rm(join(directory, name), { force: true });
    }
  }
}

async function removeStrangers(directory: string, known: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!known.has(name)) await rm(join(directory, name), { recursive: true, force: true });
  }
}

function usersOfVolumes(running: readonly ContainerRecord[]): Map<string, string[]> {
  const users = new Map<string, string[]>();
  for (const { id, mounts } of running) {
    for (const { point } of mounts) {
      if (point.Type === 'volume' && point.Name !== undefined) users.set(point.Name, [...(users.get(point.Name) ?? []), id]);
    }
  }
  return users;
}

/** Restarts that were asked of an earlier daemon, which died before the start. */
function finishRestarts(parts: EngineParts, lifecycle: ContainerLifecycle): void {
  for (const { id, name, pendingRestart } of parts.registry.all()) {
    if (pendingRestart === undefined) continue;
    restartContainer(parts, lifecycle, id, { ...pendingRestart, why: 'restart', signal: new AbortController().signal }).catch((error: unknown) => {
      parts.log('error', `could not finish the restart of container ${name} that was asked of the daemon before: ${messageOf(error)}`);
    });
  }
}

/** The daemon may have died between the record and the cgroups. */
async function finishUpdate(parts: EngineParts, record: ContainerRecord): Promise<void> {
  const { pendingUpdate } = record;
  if (pendingUpdate === undefined) return;
  try {
    await parts.runtime.update(record, pendingUpdate);
    parts.registry.update(record.id, { hostConfig: mergedLimits(record.hostConfig, pendingUpdate), pendingUpdate: undefined });
  } catch (error) {
    parts.log('warning', `could not finish the update of container ${record.name} that was asked of the daemon before: ${messageOf(error)}`);
    parts.registry.update(record.id, { pendingUpdate: undefined });
  }
}

/** Starts what its restart policy wants running: after a reboot, or a crash between two restarts. */
function restartWanted(parts: EngineParts, lifecycle: ContainerLifecycle): number {
  const wanted = parts.registry.all().filter((record) => {
    if (isRunning(record.state) || record.pendingRestart !== undefined) return false;
    if (record.state.status === 'restarting') return true;
    const policy = record.hostConfig.RestartPolicy.Name;
    if (!record.startedBefore || record.manuallyStopped) return policy === 'always' && record.startedBefore;
    return policy === 'always' || policy === 'unless-stopped';
  });
  for (const record of wanted) {
    if (record.state.status === 'restarting') {
      lifecycle.resumeRestart(record.id);
      continue;
    }
    lifecycle.start(record.id, new AbortController().signal).catch((error: unknown) => {
      parts.log('error', `could not restart container ${record.name}: ${messageOf(error)}`);
    });
  }
  return wanted.length;
}
