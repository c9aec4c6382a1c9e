/**
 * Runs jobs on the files of containers. A container that does not run has its file system mounted, and is held,
 * for as long as the job takes; one that runs is held only until the job has its own view.
 */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { fail, messageOf } from '#base/errors/failure.ts';
import type { ViewMount } from '#kernel/container-view.ts';
import { WorkerPool } from '#kernel/worker-pool.ts';
import type { ContainerPathStat } from '#schema/archive-views.ts';
import { filesOf } from '../containers/container-files.ts';
import type { ContainerRecord } from '../containers/container-record.ts';
import { isRunning } from '../containers/container-state.ts';
import type { EngineParts } from '../containers/engine-parts.ts';
import { remappingFor } from '../containers/remapping.ts';
import { releaseMounts, resolveMounts } from '../containers/mount-resolution.ts';
import type { ArchiveJob, ArchiveMessage, ViewDescription } from './worker-messages.ts';

/** The job stopped because the main thread's side of the ring was broken. */
export class ArchiveStopped extends Error {
  override readonly name = 'ArchiveStopped';
}

export interface RunningJob {
  /** What the job found at its path. */
  readonly stat: ContainerPathStat | undefined;
  /** When the job has ended and all it used is given back. @throws the job's failure, or {@link ArchiveStopped} */
  readonly finished: Promise<void>;
}

export interface JobRequest {
  readonly containerId: string;
  /** False: the root file system alone. */
  readonly withMounts: boolean;
  readonly signal: AbortSignal;
  readonly job: (view: ViewDescription, record: ContainerRecord) => ArchiveJob;
}

export class ContainerViews {
  readonly #parts: EngineParts;
  readonly #pool = new WorkerPool<ArchiveJob, ArchiveMessage>({
    module: new URL('./archive-worker.ts', import.meta.url),
    name: 'archive',
    isLast: ({ kind }) => kind !== 'begun',
    // One that may not have found its way out of a view is not used again.
    isFit: (last) => last.kind !== 'bug' && !(last.kind === 'failed' && last.code === 'kernel.syscall_failed'),
  });

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  /** Resolves when the job has begun. @throws its failure before that */
  async start({ containerId: id, withMounts, signal, job }: JobRequest): Promise<RunningJob> {
    const { mutex, registry, snapshotter } = this.#parts;
    const used = new AsyncDisposableStack();
    try {
      const held = used.use(await mutex.acquire(id, signal));
      const record = registry.require(id);
      const runs = isRunning(record.state);
      const root = await snapshotter.mount(id);
      if (!runs) used.defer(() => snapshotter.unmount(id));
      const mapping = remappingFor(this.#parts, record.hostConfig)?.mapping;
      const view = { root, mapping, mounts: withMounts ? await this.#mounts(record, root, used) : [] };
      const begun = Promise.withResolvers<ContainerPathStat | undefined>();
      const finished = this.#finish(
        this.#pool.run(job(view, record), (message) => {
          if (message.kind !== 'begun') return;
          if (runs) held[Symbol.dispose]();
          begun.resolve(message.stat);
        }),
        used.move(),
      );
      finished.catch(begun.reject);
      return { stat: await begun.promise, finished };
    } catch (error) {
      await used.disposeAsync();
      throw error;
    }
  }

  async #finish(reply: Promise<ArchiveMessage>, used: AsyncDisposableStack): Promise<void> {
    await using _used = used;
    const last = await reply;
    switch (last.kind) {
      case 'broken':
        throw new ArchiveStopped('the job was stopped');
      case 'failed':
        throw fail(last.code, last.details);
      case 'bug': {
        const error = new Error(last.message);
        error.stack = last.stack;
        throw error;
      }
      default:
    }
  }

  /** As at a start of the container, outermost first. What is in memory only is not to be seen. */
  async #mounts(record: ContainerRecord, rootfs: string, used: AsyncDisposableStack): Promise<ViewMount[]> {
    const { paths, log } = this.#parts;
    const user = `${record.id}:files:${randomUUID()}`;
    const planned = record.mounts.filter(({ point }) => point.Type !== 'tmpfs');
    used.defer(async () => {
      try {
        await releaseMounts(planned.filter(({ image }) => image === undefined || !isRunning(record.state)), this.#parts, user);
      } catch (error) {
        log('warning', `could not release the volumes of ${record.id}: ${messageOf(error)}; the next start of the daemon tries again`);
      }
    });
    const resolved = await resolveMounts(planned, this.#parts, { containerId: user, rootfs, recursiveReadonly: false });
    const mounts = planned.map(({ point, nonRecursive, subpath }, index): ViewMount => ({
      source: resolved[index]?.source ?? point.Source,
      linksRefused: subpath !== undefined,
      destination: point.Destination,
      writable: point.RW,
      recursive: nonRecursive !== true,
    }));
    mounts.sort((left, right) => left.destination.split('/').length - right.destination.split('/').length);
    const { resolvConf, hostname, hosts } = filesOf(paths.containerDirectory(record.id));
    for (const [destination, source] of [['/etc/resolv.conf', resolvConf], ['/etc/hostname', hostname], ['/etc/hosts', hosts]] as const) {
      const isTaken = mounts.some((mount) => mount.destination === destination);
      if (!isTaken && existsSync(source)) mounts.push({ source, linksRefused: false, destination, writable: !record.hostConfig.ReadonlyRootfs, recursive: false });
    }
    return mounts;
  }
}
