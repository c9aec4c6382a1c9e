/** The use cases on the files of containers: changes, copying in and out, export. */
import type { Readable } from 'node:stream';
import { EngineError, fail, isFailure } from '#base/errors/failure.ts';
import { AsyncRingReader, AsyncRingWriter, newRingMemory } from '#image/layer/byte-ring.ts';
import { decompress } from '#image/layer/decompress.ts';
import { byteStringOf, textOf } from '#oci/tar/byte-string.ts';
import { resolveUser } from '#runtime/users/resolve-user.ts';
import type { ContainerPathStat, FilesystemChange } from '#schema/archive-views.ts';
import { publishContainerEvent } from '../containers/container-events.ts';
import { publishVolumeEvents } from '../containers/volume-events.ts';
import type { ContainerRecord } from '../containers/container-record.ts';
import type { EngineParts } from '../containers/engine-parts.ts';
import type { ArchiveUseCases } from '../contract.ts';
import { ArchiveStopped, ContainerViews, type RunningJob } from './container-views.ts';

const changeNumbers = { modified: 0, added: 1, deleted: 2 } as const;

export function archiveUseCases(parts: EngineParts): ArchiveUseCases {
  const { registry, snapshotter, events } = parts;
  const views = new ContainerViews(parts);

  /** Who looks at a container's files uses its volumes meanwhile, and events say so. */
  const volumesMounted = (record: ContainerRecord): Disposable => {
    publishVolumeEvents(events, record, 'mount');
    return { [Symbol.dispose]: () => publishVolumeEvents(events, record, 'unmount') };
  };

  return {
    async changes(reference): Promise<FilesystemChange[]> {
      const changes = await snapshotter.changes(registry.resolve(reference).id);
      return changes.map(({ path, kind }) => ({ Path: textOf(path), Kind: changeNumbers[kind] }));
    },

    async stat(reference, path, signal): Promise<ContainerPathStat> {
      const record = registry.resolve(reference);
      const { id } = record;
      using _mounted = volumesMounted(record);
      return await named(reference, path, async () => {
        const job = await views.start({ containerId: id, withMounts: true, signal, job: (view) => ({ kind: 'stat', view, path: byteStringOf(path) }) });
        await job.finished;
        return found(job);
      });
    },

    async copyOut(reference, path, signal) {
      const record = registry.resolve(reference);
      const ring = newRingMemory();
      using failed = new DisposableStack();
      failed.use(volumesMounted(record));
      const job = await named(reference, path, async () =>
        views.start({ containerId: record.id, withMounts: true, signal, job: (view) => ({ kind: 'pack', view, path: byteStringOf(path), ring }) }),
      );
      publishContainerEvent(events, record, 'archive-path');
      return { stat: found(job), archive: untilRead(bytesOf(new AsyncRingReader(ring), job, signal), failed.move()) };
    },

    async copyIn(reference, path, archive, options): Promise<void> {
      const record = registry.resolve(reference);
      const memory = newRingMemory();
      using _mounted = volumesMounted(record);
      await named(reference, path, async () => {
        const job = await views.start({
          containerId: record.id,
          withMounts: true,
          signal: options.signal,
          job: (view, { config, hostConfig, mounts }) => ({
            kind: 'extract',
            view,
            path: byteStringOf(path),
            ring: memory,
            rules: {
              noOverwriteDirNonDir: options.noOverwriteDirNonDir,
              owner: options.copyUidGid && config.User !== '' ? resolveUser(view.root, config.User, []) : undefined,
            },
            rootReadOnly: hostConfig.ReadonlyRootfs,
            mountPoints: mounts.filter(({ point }) => point.Type !== 'tmpfs').map(({ point }) => ({ destination: byteStringOf(point.Destination), writable: point.RW })),
          }),
        });
        await feed(archive, new AsyncRingWriter(memory), job, options.signal);
      });
      publishContainerEvent(events, registry.get(record.id) ?? record, 'extract-to-dir');
    },

    async export(reference, signal) {
      const record = registry.resolve(reference);
      const { status } = record.state;
      if (status === 'dead') throw fail('archive.export_refused', { id: record.id, state: 'Dead' });
      if (status === 'removing') throw fail('archive.export_refused', { id: record.id, state: 'being removed' });
      const ring = newRingMemory();
      const job = await views.start({ containerId: record.id, withMounts: false, signal, job: (view) => ({ kind: 'export', view, ring }) });
      publishContainerEvent(events, record, 'export');
      return bytesOf(new AsyncRingReader(ring), job, signal);
    },
  };
}

/** Gives away what a stream needs once that has been read or given up. */
async function* untilRead(chunks: AsyncIterable<Buffer>, needed: Disposable): AsyncGenerator<Buffer> {
  using _needed = needed;
  yield* chunks;
}

function found({ stat }: RunningJob): ContainerPathStat {
  if (stat === undefined) throw new Error('bug: the job looked at nothing');
  return stat;
}

/** Names the missing path and the container as the client did. */
async function named<T>(container: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isFailure(error, 'archive.path_not_found')) throw fail('archive.path_not_found', { path, container }, error);
    throw error;
  }
}

/** What the job packs. Ends the job when it is not read to the end, or the signal aborts. */
function bytesOf(ring: AsyncRingReader, job: RunningJob, signal: AbortSignal): AsyncIterable<Buffer> {
  const stop = (): void => ring.break();
  signal.addEventListener('abort', stop, { once: true });
  const forget = (): void => signal.removeEventListener('abort', stop);
  job.finished.then(forget, forget);
  return chunksOf(ring, job, signal);
}

async function* chunksOf(ring: AsyncRingReader, { finished }: RunningJob, signal: AbortSignal): AsyncGenerator<Buffer, void> {
  try {
    for (let chunk = await ring.read(); chunk !== undefined; chunk = await ring.read()) yield chunk;
    signal.throwIfAborted();
    await finished;
  } finally {
    ring.break();
    await finished.catch(() => undefined);
  }
}

/** Gives the job the archive, uncompressed. */
async function feed(archive: Readable, ring: AsyncRingWriter, { finished }: RunningJob, signal: AbortSignal): Promise<void> {
  finished.catch(() => ring.break());
  let failure: unknown;
  try {
    const { chunks } = await decompress(archive, { signal });
    for await (const chunk of chunks) if (!(await ring.write(chunk))) break;
    ring.end();
  } catch (error) {
    failure = error;
    ring.break();
  }
  try {
    await finished;
  } catch (error) {
    if (!(error instanceof ArchiveStopped)) throw error;
    signal.throwIfAborted();
    throw failure instanceof EngineError ? failure : fail('layer.invalid_archive', { message: 'unexpected EOF' }, failure);
  }
}
