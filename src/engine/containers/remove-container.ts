/** `DELETE /containers/{id}`: removes a container, by force also one that runs. One removal of a container at a time. */
import { fail } from '#base/errors/failure.ts';
import { nowNanoseconds } from '#base/timestamp.ts';
import { publishContainerEvent } from './container-events.ts';
import type { ContainerLifecycle } from './container-lifecycle.ts';
import { removeLink } from './container-links.ts';
import type { ContainerRecord } from './container-record.ts';
import { isRunning } from './container-state.ts';
import { sentBy, type Requester } from './ending.ts';
import type { EngineParts } from './engine-parts.ts';
import { awaitKilled } from './stop-container.ts';

/** Milliseconds that a start under way gets before a forced removal gives it up. */
const startPatience = 5000;

export type RemovalOptions = { force: boolean; volumes: boolean; link: boolean; requester?: Requester | undefined; signal: AbortSignal };

/** @returns resolves when the container is gone; throws container.not_found, container.removal_in_progress and Docker's refusals of what runs */
export type RemoveContainer = (reference: string, options: RemovalOptions) => Promise<void>;

export function removal(parts: EngineParts, lifecycle: ContainerLifecycle): RemoveContainer {
  const { registry, live, mutex, events } = parts;
  const removing = new Set<string>();

  const removeAlone = async (id: string, reference: string, options: RemovalOptions): Promise<void> => {
    for (;;) {
      if (!options.force) refuseRemoval(registry.require(id), reference);
      else if (isEndless(registry.get(id))) await killAndWait(id, options.signal, options.requester);
      using _held = await (options.force ? acquireByForce(id, options.signal) : mutex.acquire(id, options.signal));
      const current = registry.get(id);
      // AutoRemove may have been quicker.
      if (current === undefined) {
        if (options.force) return;
        throw fail('container.not_found', { reference });
      }
      if (isRunning(current.state)) {
        // A start that was under way, by its restart policy for one, came before.
        if (options.force) continue;
        refuseRemoval(current, reference);
      }
      await lifecycle.removeHeld(id, { volumes: options.volumes });
      return;
    }
  };

  /** A start that hangs, in a file server that does not answer for one, is given up for the removal. */
  const acquireByForce = async (id: string, signal: AbortSignal): Promise<Disposable> => {
    const timer = setTimeout(() => live.find(id)?.starting?.abort(fail('container.being_removed')), startPatience);
    try {
      return await mutex.acquire(id, signal);
    } finally {
      clearTimeout(timer);
    }
  };

  const killAndWait = async (id: string, signal: AbortSignal, requester: Requester | undefined): Promise<void> => {
    const exit = live.of(id).nextExit(signal);
    exit.catch(() => undefined);
    if (!lifecycle.markStopped(id, sentBy(9, 'remove', requester))) return;
    const { process } = live.of(id);
    const record = registry.require(id);
    if (process === undefined) {
      // Nobody would tell of its end: its shim could not be taken up.
      if (!isRunning(record.state)) return;
      await parts.runtime.killAll(record);
      await lifecycle.recordExit(id, { exitCode: 137, finishedAt: nowNanoseconds(), reason: 'shim-lost' });
      return;
    }
    if (process.signal(9)) publishContainerEvent(events, record, 'kill', { signal: '9' });
    // Where it is fatal the signal comes first: nothing of it runs again.
    if (record.state.status === 'paused') await parts.runtime.thaw(record);
    await awaitKilled(parts, record, exit, `remove container "/${record.name}": could not kill`);
  };

  return async (reference, options) => {
    const { id } = registry.resolve(reference);
    if (removing.has(id)) throw fail('container.removal_in_progress', { reference });
    removing.add(id);
    const running = live.find(id);
    if (running !== undefined && options.force) running.keepsVolumes = !options.volumes;
    try {
      if (options.link) removeLink(reference, registry);
      else await removeAlone(id, reference, options);
    } finally {
      if (running !== undefined) running.keepsVolumes = false;
      removing.delete(id);
    }
  };
}

/** Runs, or will again by its restart policy. */
function isEndless(record: ContainerRecord | undefined): boolean {
  return record !== undefined && (isRunning(record.state) || record.state.status === 'restarting');
}

/** @param name as the client named it */
function refuseRemoval({ state }: ContainerRecord, name: string): void {
  switch (state.status) {
    case 'running':
      throw fail('container.remove_running', { name });
    case 'paused':
      throw fail('container.remove_paused', { name });
    case 'restarting':
      throw fail('container.remove_restarting', { name });
    default:
  }
}
