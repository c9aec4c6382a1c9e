/**
 * Starting, ending and removing containers. Every change of a container's state happens here, under the
 * container's mutex, is written to the database in the same step, and is undone when a later step fails.
 */
import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fail, messageOf } from '#base/errors/failure.ts';
import { formatTimestamp, parseTimestamp } from '#base/timestamp.ts';
import { unmountSharedMemory } from '#kernel/shared-memory.ts';
import type { Sandbox } from '#network/contract.ts';
import type { ExitReport, ShimProcess } from '#runtime/contract.ts';
import { filesOf, renewLinkedHost, writeContainerFiles } from './container-files.ts';
import { linkHosts, linkingTo, liveLinks, withLinkVariables } from './container-links.ts';
import { publishContainerEvent, publishNetworkEvents } from './container-events.ts';
import type { ContainerRecord } from './container-record.ts';
import { makeSandbox, sharedMemoryFor } from './container-sandbox.ts';
import { withSignal, type Ending, type SentSignal } from './ending.ts';
import { exitedState, failedStartState, isRunning, restartingState, startedState, startTimestamp, withStartingHealth, withStatus, withUnwatchedHealth } from './container-state.ts';
import type { EngineParts } from './engine-parts.ts';
import { fileFactsOf } from './file-facts.ts';
import { imageSnapshotsOf } from './image-mounts.ts';
import { makeMountPoints } from './mount-points.ts';
import { pidOf } from './namespace-donors.ts';
import { pinSubpaths, releaseMounts, resolveMounts } from './mount-resolution.ts';
import { remappingFor } from './remapping.ts';
import { decideRestart, firstRestartDelay } from './restart-decision.ts';
import { sandboxLinks } from './sandbox-links.ts';
import { probeCommand } from '../health/health-state.ts';
import { imageUsers } from '../images.ts';
import { describeStartFailure } from './start-failure.ts';
import { publishVolumeEvents } from './volume-events.ts';

/** `State.Error` of a container whose shim was killed. */
const lostShim = 'the shim that held the container (dhow-shim) was killed: the container\'s processes were killed too, and how its own would have ended is not known';

export class ContainerLifecycle {
  readonly #parts: EngineParts;
  #retired = false;

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  /** From now on another daemon books what happens. Who waits here for the end of what runs still learns of it. */
  retire(): void {
    this.#retired = true;
    for (const [, live] of this.#parts.live.all()) {
      live.restartTimer?.abort();
      if (live.process === undefined) live.abandon();
    }
  }

  /** @throws container.already_started, start errors with Docker's texts; the container is then as before, with the error kept */
  async start(id: string, signal: AbortSignal): Promise<void> {
    using _held = await this.#parts.mutex.acquire(id, signal);
    const record = this.#parts.registry.require(id);
    if (record.state.status === 'paused') throw fail('container.paused');
    if (isRunning(record.state)) throw fail('container.already_started');
    if (record.state.status === 'removing' || record.state.status === 'dead') throw fail('container.being_removed');
    this.#cancelRestart(id);
    this.#parts.live.of(id).restartDelay = 0;
    await this.startHeld({ ...record, restartCount: 0 }, signal);
  }

  /** Starts while the caller holds the container's mutex. */
  async startHeld(before: ContainerRecord, signal: AbortSignal): Promise<void> {
    const { registry, snapshotter, launcher, runtime, events, paths } = this.#parts;
    const { id } = before;
    const live = this.#parts.live.of(id);
    const starting = new AbortController();
    live.starting = starting;
    const giveUp = (): void => starting.abort(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
    await using undo = new AsyncDisposableStack();
    const pending = live.takePending();
    let sandboxed: ContainerRecord | undefined;
    let mounted = false;
    let rootfs: string | undefined;
    try {
      const sink = await this.#parts.logDelivery.connect(before, signal);
      if (sink !== undefined) undo.defer(() => sink.close());
      const cgroupPath = runtime.cgroupPath(before);
      // Written first: after a crash from here on, start-up knows what to look for.
      registry.update(id, { manuallyStopped: false, signals: [], process: { pid: 0, shimPid: 0, runDirectory: paths.runDirectory(id), cgroupPath } });
      undo.defer(() => void registry.book(id, { process: undefined }));

      const { sandbox, networkNamespace, userNamespace } = await makeSandbox(this.#parts, before, undo);
      sandboxed = registry.require(id);
      rootfs = await snapshotter.mount(id);
      undo.defer(() => snapshotter.unmount(id));
      const files = this.#writeFiles(before, sandbox);
      undo.defer(() => releaseMounts(before.mounts, this.#parts, id));
      const resolved = await resolveMounts(before.mounts, this.#parts, { containerId: id, rootfs, recursiveReadonly: this.#parts.recursiveReadonly, tmpfs: Object.keys(before.hostConfig.Tmpfs ?? {}), signal: starting.signal });
      using pins = new DisposableStack();
      const mounts = pinSubpaths(resolved, before.mounts, { directory: paths.pinsDirectory, until: pins });
      makeMountPoints(rootfs, [...mounts, ...memoryMounts(before)], remappingFor(this.#parts, before.hostConfig));
      mounted = true;
      const launch = await runtime.prepare(withLinkVariables(before, this.#parts.registry), {
        rootfs,
        networkNamespace,
        userNamespace,
        files,
        mounts,
        sharedMemory: sharedMemoryFor(this.#parts, before, undo),
        pidOf: (reference, purpose) => pidOf(this.#parts.registry, reference, purpose),
      });
      undo.defer(() => runtime.release(id, cgroupPath));
      const shim = await launcher.launch({ ...launch, attachments: pending.map((attachment) => attachment.options) }, starting.signal);

      live.process = shim;
      live.startedAt = performance.now();
      const started = startedState(before.state, shim.pid, startTimestamp(shim.startedAt));
      const record = registry.book(id, {
        endpointSettings: joinedSettings(before, sandbox),
        state: probeCommand(before.config.Healthcheck, before.config.Shell) === undefined ? started : withStartingHealth(started),
        restartCount: before.restartCount,
        startedBefore: true,
        pendingRestart: undefined,
        sandbox,
        process: { pid: shim.pid, shimPid: shim.shimPid, runDirectory: launch.runDirectory, cgroupPath },
      });
      undo.move();
      await this.#parts.logDelivery.begin(record, sink);
      pending.forEach((attachment, index) => {
        const stream = shim.attached[index];
        if (stream !== undefined) attachment.accept(stream);
      });
      publishVolumeEvents(events, record, 'mount');
      publishNetworkEvents(events, record, 'connect');
      publishContainerEvent(events, record, 'start');
      this.#parts.health.watch(id);
      this.#watch(id, shim);
    } catch (error) {
      live.returnPending(pending);
      const failure = describeStartFailure(error, before, rootfs);
      if (mounted) publishVolumeEvents(events, before, 'mount');
      if (sandboxed !== undefined) publishNetworkEvents(events, sandboxed, 'disconnect');
      if (mounted) publishVolumeEvents(events, before, 'unmount');
      await undo.disposeAsync();
      if (registry.get(id) !== undefined) {
        const exitCode = failure.early === true && before.state.exitCode !== 0 ? before.state.exitCode : failure.exitCode;
        registry.book(id, { state: failedStartState(before.state, exitCode, failure.error.message) });
        if (before.hostConfig.AutoRemove && !live.restartRequested) await this.removeHeld(id, { volumes: true });
      }
      throw failure.error;
    } finally {
      signal.removeEventListener('abort', giveUp);
      live.starting = undefined;
    }
  }

  /** Takes up a process of an earlier daemon. */
  adopt(record: ContainerRecord, shim: ShimProcess): void {
    this.#parts.live.of(record.id).process = shim;
    this.#parts.health.watch(record.id);
    this.#watch(record.id, shim);
  }

  /** Books the end of a process that ended while no daemon ran. */
  async recordExit(id: string, report: ExitReport): Promise<void> {
    using _held = await this.#parts.mutex.acquire(id);
    await this.#ended(id, report);
  }

  /** Cancels a pending restart; the container is then exited. */
  #cancelRestart(id: string): boolean {
    const live = this.#parts.live.find(id);
    if (live?.restartTimer === undefined) return false;
    live.restartTimer.abort();
    live.restartTimer = undefined;
    const record = this.#parts.registry.get(id);
    if (record?.state.status === 'restarting') this.#parts.registry.book(id, { state: withStatus(record.state, 'exited') });
    return true;
  }

  /** Marks that the end is wanted, so that restart policies leave the container alone. Answers false when a pending restart was cancelled and nothing runs. */
  markStopped(id: string, sent?: SentSignal): boolean {
    const { registry } = this.#parts;
    registry.book(id, { manuallyStopped: true, ...(sent !== undefined && { signals: withSignal(registry.require(id).signals, sent) }) });
    return !this.#cancelRestart(id);
  }

  #watch(id: string, shim: ShimProcess): void {
    void shim.exited.then(async (report) => {
      if (this.#retired) return this.#tellEnd(id, report);
      using _held = await this.#parts.mutex.acquire(id);
      if (this.#parts.live.find(id)?.process !== shim) return;
      await this.#ended(id, report);
    });
  }

  #tellEnd(id: string, { exitCode }: ExitReport): void {
    const live = this.#parts.live.of(id);
    live.process = undefined;
    if (this.#parts.registry.get(id)?.hostConfig.AutoRemove === true) live.announceRemoval({ exitCode });
    else live.announceExit({ exitCode });
    live.abandon();
  }

  async #ended(id: string, report: ExitReport): Promise<void> {
    const { registry, live: lives, events, runtime } = this.#parts;
    const record = registry.get(id);
    if (record === undefined || !isRunning(record.state)) return;
    const live = lives.of(id);
    live.process = undefined;
    live.execs.clear();
    this.#parts.health.unwatch(id);
    await this.#clean(`send the log of ${id}`, async () => this.#parts.logDelivery.end(id));
    const oomKilled = runtime.oomKilled(record);
    // The clock of the day may have been set meanwhile.
    const ranFor = live.startedAt !== undefined ? performance.now() - live.startedAt : Number((report.finishedAt - (parseTimestamp(record.state.startedAt) ?? report.finishedAt)) / 1_000_000n);
    live.startedAt = undefined;
    const decision = decideRestart(
      record.hostConfig.RestartPolicy,
      { exitCode: report.exitCode, ranFor, manuallyStopped: record.manuallyStopped },
      { restartCount: record.restartCount, lastDelay: live.restartDelay },
    );
    const lost = report.reason === 'shim-lost';
    const exited = exitedState(withUnwatchedHealth(record.state), { exitCode: report.exitCode, oomKilled, at: formatTimestamp(report.finishedAt), error: lost ? lostShim : '' });
    const memory = oomKilled ? { limit: record.hostConfig.Memory, ...definedPeak(runtime.memoryPeak(record)) } : undefined;
    const ending: Ending = {
      at: exited.finishedAt,
      exitCode: report.exitCode,
      ...(report.signal !== undefined && { signal: report.signal }),
      signals: record.signals ?? [],
      ...(memory !== undefined && { memory }),
      ...(record.state.health !== undefined && { health: record.state.health }),
      lost,
    };
    const ended = registry.book(id, {
      ending,
      ...(decision.kind === 'restart' && { restartCount: record.restartCount + 1 }),
      state: decision.kind === 'restart' ? restartingState(exited) : exited,
    });
    if (oomKilled) publishContainerEvent(events, ended, 'oom');
    publishNetworkEvents(events, ended, 'disconnect');
    publishVolumeEvents(events, ended, 'unmount');
    if (live.stopRequested) publishContainerEvent(events, ended, 'stop');
    live.stopRequested = false;
    publishContainerEvent(events, ended, 'die', { execDuration: String(Math.max(0, Math.trunc(ranFor / 1000))), exitCode: String(report.exitCode) });
    // Also who waits for it to run no more is told of an end that a restart follows, as by Docker.
    live.announceExit({ exitCode: report.exitCode });
    if (lost) await this.#clean(`end the processes of ${id}`, async () => runtime.killAll(record));
    await this.#releaseHeld(id);
    if (decision.kind === 'restart') this.#scheduleRestart(id, decision.delay);
    else if (record.hostConfig.AutoRemove && !live.restartRequested && record.pendingRestart === undefined) await this.removeHeld(id, { volumes: !live.keepsVolumes });
  }

  /** Gives back what the process of a container held whose end is booked already, or never began. */
  async release(id: string): Promise<void> {
    using _held = await this.#parts.mutex.acquire(id);
    await this.#releaseHeld(id);
  }

  /** Goes on with restarts that an earlier daemon had decided on. */
  resumeRestart(id: string): void {
    this.#scheduleRestart(id, firstRestartDelay);
  }

  /** Gives back what a process that ended held. Runs at the end of the process, so that removing later is quick. */
  async #releaseHeld(id: string): Promise<void> {
    const { registry, networks, snapshotter, runtime } = this.#parts;
    const record = registry.require(id);
    await this.#clean(`release the process of ${id}`, async () => runtime.release(id, record.process?.cgroupPath ?? runtime.cgroupPath(record)));
    const { sandbox } = record;
    if (sandbox !== undefined) {
      await this.#clean(`release the network of ${id}`, async () => {
        sandboxLinks.remove(sandbox);
        await networks.destroy(id, sandbox);
      });
    }
    if (record.hostConfig.IpcMode === 'shareable') {
      await this.#clean(`release the shared memory of ${id}`, async () => unmountSharedMemory(this.#parts.paths.sharedMemoryDirectory(id)));
    }
    await this.#clean(`release the volumes of ${id}`, async () => releaseMounts(record.mounts, this.#parts, id));
    await this.#clean(`unmount the file system of ${id}`, async () => snapshotter.unmount(id));
    registry.book(id, { process: undefined, sandbox: undefined });
  }

  /** Clean-up goes on over failures: what could not be given back is reported, and start-up tries again. */
  async #clean(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#parts.log('warning', `could not ${what}: ${messageOf(error)}; the next start of the daemon tries again`);
    }
  }

  #scheduleRestart(id: string, wait: number): void {
    const live = this.#parts.live.of(id);
    const timer = new AbortController();
    live.restartDelay = wait;
    live.restartTimer = timer;
    void (async () => {
      try {
        await delay(wait, undefined, { signal: timer.signal });
        using _held = await this.#parts.mutex.acquire(id, timer.signal);
        live.restartTimer = undefined;
        const record = this.#parts.registry.get(id);
        if (record?.state.status !== 'restarting') return;
        await this.startHeld(record, new AbortController().signal);
      } catch (error) {
        if (timer.signal.aborted) return;
        this.#parts.log('error', `could not restart container ${id}: ${messageOf(error)}`);
      }
    })();
  }

  /** Removes a container that does not run; the caller holds its mutex. A crash in the middle is finished by start-up. */
  async removeHeld(id: string, options: { volumes: boolean }): Promise<void> {
    const { registry, live, snapshotter, paths, events } = this.#parts;
    const record = registry.require(id);
    const { exitCode } = record.state;
    registry.book(id, { state: withStatus(record.state, 'removing'), removal: { volumes: options.volumes } });
    this.#cancelRestart(id);
    await this.#parts.logDelivery.drop(id);
    try {
      for (const snapshot of [...imageSnapshotsOf(record), id]) await snapshotter.remove(snapshot);
      await rm(paths.containerDirectory(id), { recursive: true, force: true });
    } catch (error) {
      registry.book(id, { state: withStatus(registry.require(id).state, 'dead') });
      throw error;
    }
    const doomed = options.volumes ? record.mounts.flatMap(({ point, anonymous }) => (anonymous && point.Name !== undefined ? [point.Name] : [])) : [];
    this.#parts.doomedVolumes.add(doomed);
    registry.delete(id);
    // Layers of an image that was removed by force while this container used it.
    await this.#clean(`collect the image of ${id}`, async () => this.#parts.images.collect(imageUsers(registry)));
    await this.#removeAnonymousVolumes(doomed);
    publishContainerEvent(events, record, 'destroy');
    live.of(id).announceRemoval({ exitCode });
    live.drop(id);
  }

  /** Volumes without a name that no other container uses go with theirs. */
  async #removeAnonymousVolumes(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const shared = this.#parts.references.usersOf(name).length > 0;
      await this.#clean(`remove volume ${name}`, async () => {
        if (!shared) await this.#parts.volumes.remove(name);
        this.#parts.doomedVolumes.delete([name]);
      });
    }
  }

  #writeFiles(record: ContainerRecord, sandbox: Sandbox | undefined): ReturnType<typeof filesOf> {
    const mode = record.hostConfig.NetworkMode;
    if (mode.startsWith('container:')) {
      // The other container's files are shared, as its network is.
      const other = this.#parts.registry.resolve(mode.slice('container:'.length));
      return filesOf(this.#parts.paths.containerDirectory(other.id));
    }
    const address = sandbox?.endpoints['bridge']?.address ?? '';
    if (address !== '') for (const { record: other, alias } of linkingTo(record.id, this.#parts.registry)) renewLinkedHost(this.#parts.paths.containerDirectory(other.id), alias, address);
    return writeContainerFiles(record, fileFactsOf(this.#parts, record, sandbox, linkHosts(liveLinks(record, this.#parts.registry))));
  }

}

/** `--tmpfs`. */
function memoryMounts({ hostConfig: { Tmpfs } }: ContainerRecord): { destination: string; source: string; type: string; options: string[] }[] {
  return Object.keys(Tmpfs ?? {}).map((destination) => ({ destination, source: 'tmpfs', type: 'tmpfs', options: [] }));
}

function definedPeak(peak: number | undefined): { peak?: number } {
  return peak === undefined ? {} : { peak };
}

/** The networks are known by id from the first start on. */
function joinedSettings({ endpointSettings }: ContainerRecord, sandbox: Sandbox | undefined): ContainerRecord['endpointSettings'] {
  return Object.fromEntries(Object.entries(endpointSettings).map(([name, settings]) => {
    const networkId = sandbox?.endpoints[name]?.networkId;
    return [name, networkId === undefined ? settings : { ...settings, NetworkID: networkId }];
  }));
}
