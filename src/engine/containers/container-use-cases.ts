/** The container endpoints' use cases over registry and life cycle. */
import { fail, isFailure, messageOf } from '#base/errors/failure.ts';
import { nowNanoseconds, parseTimestamp } from '#base/timestamp.ts';
import type { ContainerInspect, ContainerSummary, CreateRequest } from '#schema/container-config.ts';
import type { ContainerUseCases, Filters, LogRequest } from '../contract.ts';
import { attachToContainer } from './attach-to-container.ts';
import { createContainer } from './container-creation.ts';
import { publishContainerEvent } from './container-events.ts';
import { containerFilter } from './container-filters.ts';
import { linkNamesOf, viewLinks } from './container-links.ts';
import type { ContainerLifecycle } from './container-lifecycle.ts';
import { isValidName } from './container-name.ts';
import type { ContainerRecord } from './container-record.ts';
import { isRunning } from './container-state.ts';
import { sentBy, withSignal } from './ending.ts';
import { explainContainer } from '../explain/explain-container.ts';
import { containerStats } from './container-stats.ts';
import { viewInspect, viewSummary } from './container-view.ts';
import type { EngineParts } from './engine-parts.ts';
import { isReadable } from '../processes/log-options.ts';
import { readLogBounds } from './log-query.ts';
import { pauseContainer, thawContainer, unpauseContainer } from './pause-container.ts';
import { OnePrune } from '../one-prune.ts';
import { pruneFilter } from './prune-filter.ts';
import { isSignal, parseSignal, readSignal } from './signal-name.ts';
import { removal } from './remove-container.ts';
import { restartContainer } from './restart-container.ts';
import { awaitKilled, stopContainer } from './stop-container.ts';
import { topOf } from './top.ts';
import { updateContainer } from './update-container.ts';

const never = new AbortController().signal;

/** Bytes. */
interface ContainerSize {
  readonly writable: number;
  readonly total: number;
}

export function containerUseCases(parts: EngineParts, lifecycle: ContainerLifecycle): ContainerUseCases {
  const { registry, live, mutex, snapshotter, events } = parts;
  const prunes = new OnePrune();

  const sizeOf = async (record: ContainerRecord): Promise<ContainerSize> => snapshotter.usage(record.id);

  /** Of those that are not removed meanwhile. */
  const sizesOf = async (records: readonly ContainerRecord[]): Promise<ReadonlyMap<string, ContainerSize>> => {
    const sizes = new Map<string, ContainerSize>();
    const measured = records.map(async (record) => {
      try {
        sizes.set(record.id, await sizeOf(record));
      } catch (error) {
        if (!isFailure(error, 'snapshot.not_found')) throw error;
      }
    });
    await Promise.all(measured);
    return sizes;
  };

  const remove = removal(parts, lifecycle);

  return {
    create: async (name: string, request: CreateRequest, options) => createContainer(parts, name, request, options),

    async list(options): Promise<ContainerSummary[]> {
      const { matches, includesStopped } = containerFilter(options.filters, {
        resolve: (reference) => registry.resolve(reference),
        imageFamily: (reference) => {
          try {
            return parts.images.family(parts.images.resolve(reference).id);
          } catch (error) {
            if (isFailure(error, 'image.not_found') || isFailure(error, 'image.invalid_reference')) return new Set();
            throw error;
          }
        },
        networkMatches: (record, reference) =>
          Object.entries(record.endpointSettings).some(([name, settings]) => {
            const id = record.sandbox?.endpoints[name]?.networkId ?? settings?.NetworkID ?? '';
            return name === reference || (id !== '' && reference !== '' && id.startsWith(reference));
          }),
      });
      const all = options.all || options.limit > 0 || includesStopped;
      let records = registry.all().filter((record) => (all || isRunning(record.state) || record.state.status === 'restarting') && matches(record));
      records.sort((a, b) => compareMoments(b.created, a.created));
      if (options.limit > 0) records = records.slice(0, options.limit);
      const now = nowNanoseconds();
      const linking = registry.all().filter(({ links }) => links !== undefined);
      const sizes = options.size ? await sizesOf(records) : undefined;
      return records
        .filter((record) => sizes === undefined || sizes.has(record.id))
        .map((record) => viewSummary(record, { now, linkNames: linkNamesOf(record.id, linking), imageName: imageNameOf(record), size: sizes?.get(record.id) }));
    },

    async inspect(reference, options): Promise<ContainerInspect> {
      const record = registry.resolve(reference);
      return viewInspect(record, {
        paths: parts.paths,
        driver: snapshotter.driver,
        graphDriver: snapshotter.describe(record.id),
        execIds: [...live.of(record.id).execs],
        size: options.size ? await sizeOf(record) : undefined,
        links: viewLinks(record, registry),
      });
    },

    async start(reference, options) {
      const { id } = registry.resolve(reference);
      // A client that goes away does not undo a start it asked for.
      await lifecycle.start(id, never);
      void options;
    },

    async stop(reference, options) {
      const record = registry.resolve(reference);
      if (!isRunning(record.state) && record.state.status !== 'restarting') throw fail('container.already_stopped', { id: record.id });
      try {
        await stopContainer(parts, lifecycle, record.id, { ...options, why: 'stop' });
      } catch (error) {
        if (isFailure(error, 'container.signal_invalid')) throw fail('container.stop_failed', { reference, reason: error.message }, error);
        throw error;
      }
    },

    async restart(reference, options) {
      const { id } = registry.resolve(reference);
      try {
        await restartContainer(parts, lifecycle, id, { ...options, why: 'restart' });
      } catch (error) {
        if (options.signal.aborted) throw error;
        throw fail('container.restart_failed', { reference, reason: messageOf(error) }, error);
      }
    },

    async kill(reference, signalName, requester) {
      const number = readSignal(signalName === '' ? 'KILL' : signalName);
      if (number === undefined) throw fail('container.kill_signal_invalid', { reference, signal: signalName });
      if (!isSignal(number)) throw fail('container.kill_signal_unsupported', { reference, signal: number });
      let record: ContainerRecord;
      try {
        record = registry.resolve(reference);
      } catch (error) {
        if (isFailure(error, 'container.not_found')) throw fail('container.kill_not_found', { reference }, error);
        throw error;
      }
      const { process } = live.of(record.id);
      if (!isRunning(record.state) || process === undefined) throw fail('container.kill_refused', { reference, id: record.id });
      const fatal = number === 9 || number === parseSignal(record.config.StopSignal ?? 'TERM');
      const sent = sentBy(number, 'kill', requester);
      if (fatal) lifecycle.markStopped(record.id, sent);
      else registry.update(record.id, { signals: withSignal(record.signals, sent) });
      const exit = number === 9 ? live.of(record.id).nextExit(never) : undefined;
      exit?.catch(() => undefined);
      if (number === 9 && record.state.status === 'paused') {
        if (process.signal(9)) await parts.runtime.thaw(record);
      } else if (!process.signal(number)) throw fail('container.kill_refused', { reference, id: record.id });
      // It gets the signal when it goes on.
      if (number !== 9 && (fatal || (record.config.StopSignal ?? '') === '')) await thawContainer(parts, record.id);
      publishContainerEvent(events, record, 'kill', { signal: String(number) });
      if (exit !== undefined) await awaitKilled(parts, record, exit, `kill container: ${reference}`);
    },

    update: (reference, request) => updateContainer(parts, reference, request),
    pause: (reference) => pauseContainer(parts, reference),
    unpause: (reference) => unpauseContainer(parts, reference),

    async rename(reference, name) {
      if (reference === '' || name === '') throw fail('container.rename_empty');
      const { id } = registry.resolve(reference);
      using _held = await mutex.acquire(id);
      const before = registry.require(id);
      const wanted = name.startsWith('/') ? name.slice(1) : name;
      if (before.name === wanted) throw fail('container.rename_same');
      if (!isValidName(wanted)) throw fail('container.rename_name_invalid', { name: `/${wanted}` });
      const holder = registry.holderOf(wanted);
      if (holder !== undefined) throw fail('container.rename_name_in_use', { name: wanted, holder });
      const after = registry.update(id, { name: wanted });
      parts.networks.rename(id, wanted);
      publishContainerEvent(events, after, 'rename', { oldName: `/${before.name}` });
    },

    remove,

    async wait(reference, condition, signal) {
      const { id } = registry.resolve(reference);
      const container = live.of(id);
      const record = registry.require(id);
      const finish = (exit: Promise<{ exitCode: number }>): { result: Promise<{ StatusCode: number }> } => {
        const result = exit.then(({ exitCode }) => ({ StatusCode: exitCode }));
        result.catch(() => undefined);
        return { result };
      };
      switch (condition) {
        case '':
        case 'not-running':
          if (!isRunning(record.state) && record.state.status !== 'restarting') return finish(Promise.resolve(record.state));
          return finish(container.nextExit(signal));
        case 'next-exit':
          return finish(container.nextExit(signal));
        case 'removed':
          return finish(container.removed(signal));
        default:
          throw fail('container.condition_invalid', { condition });
      }
    },

    async logs(reference, request: LogRequest, signal) {
      const record = registry.resolve(reference);
      const bounds = readLogBounds(request);
      if (!isReadable(record.hostConfig.LogConfig)) throw fail('container.logs_unsupported');
      const { process } = live.of(record.id);
      const chunks = parts.readLog({
        path: parts.paths.logPath(record.id),
        stdout: request.stdout,
        stderr: request.stderr,
        ...bounds,
        timestamps: request.timestamps,
        details: request.details,
        multiplexed: !record.config.Tty,
        followUntil: request.follow && process !== undefined ? process.exited : undefined,
        signal,
      });
      return { terminal: record.config.Tty, chunks };
    },

    attach: async (reference, request) => attachToContainer(parts, reference, request),

    async resize(reference, size) {
      const record = registry.resolve(reference);
      const { process } = live.of(record.id);
      if (!isRunning(record.state) || process === undefined) throw fail('container.not_running', { id: record.id });
      process.resize(size);
      publishContainerEvent(events, record, 'resize', { height: String(size.rows), width: String(size.columns) });
    },

    async top(reference, psArguments) {
      const record = registry.resolve(reference);
      if (record.state.status === 'restarting') throw fail('container.restarting', { id: record.id });
      if (!isRunning(record.state)) throw fail('container.not_running', { id: record.id });
      const result = await topOf(parts, record, psArguments);
      publishContainerEvent(events, record, 'top');
      return result;
    },

    reach: async (reference) => parts.networks.reach(registry.resolve(reference).id),

    explain: (reference, signal) => explainContainer(parts, reference, signal),

    stats: (reference, request, signal) => containerStats(parts, reference, request, signal),

    async prune(filters: Filters, signal) {
      return prunes.run(async () => {
        const matches = pruneFilter(filters);
        const deleted: string[] = [];
        let reclaimed = 0;
        for (const record of registry.all()) {
          signal.throwIfAborted();
          if (isRunning(record.state) || !['created', 'exited', 'dead'].includes(record.state.status)) continue;
          if (!matches({ created: parseTimestamp(record.created) ?? 0n, labels: record.config.Labels })) continue;
          const { writable } = await sizeOf(record);
          try {
            await remove(record.id, { force: false, volumes: false, link: false, signal });
          } catch (error) {
            // Started or removed meanwhile: then it is none of ours.
            if (isFailure(error, 'container.remove_running') || isFailure(error, 'container.not_found') || isFailure(error, 'container.removal_in_progress')) continue;
            throw error;
          }
          deleted.push(record.id);
          reclaimed += writable;
        }
        events.publish({ type: 'container', action: 'prune', id: '', attributes: { reclaimed: String(reclaimed) } });
        return { ContainersDeleted: deleted.length === 0 ? null : deleted, SpaceReclaimed: reclaimed };
      });
    },
  };

  /** The name it was made with, or the image's id where that name means another image by now. */
  function imageNameOf(record: ContainerRecord): string {
    try {
      if (parts.images.resolve(record.config.Image).id === record.imageId) return record.config.Image;
    } catch (error) {
      if (!isFailure(error, 'image.not_found') && !isFailure(error, 'image.invalid_reference')) throw error;
    }
    return record.imageId;
  }
}

function compareMoments(a: string, b: string): number {
  const left = parseTimestamp(a) ?? 0n;
  const right = parseTimestamp(b) ?? 0n;
  return left < right ? -1 : left > right ? 1 : 0;
}
