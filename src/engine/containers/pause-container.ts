/** Pausing: the freezer holds every process of the container until it is thawed. */
import { fail } from '#base/errors/failure.ts';
import { publishContainerEvent } from './container-events.ts';
import { isRunning, withStatus, withUnwatchedHealth } from './container-state.ts';
import type { EngineParts } from './engine-parts.ts';

/** @throws container.not_running, container.already_paused, container.restarting with Docker's texts */
export async function pauseContainer(parts: EngineParts, reference: string): Promise<void> {
  const { id } = parts.registry.resolve(reference);
  using _held = await parts.mutex.acquire(id);
  const record = parts.registry.require(id);
  if (record.state.status === 'restarting') throw fail('container.restarting', { id });
  if (!isRunning(record.state)) throw fail('container.not_running', { id });
  if (record.state.status === 'paused') throw fail('container.already_paused', { id });
  await parts.runtime.freeze(record);
  parts.health.unwatch(id);
  const { state } = parts.registry.require(id);
  publishContainerEvent(parts.events, parts.registry.update(id, { state: withStatus(withUnwatchedHealth(state), 'paused') }), 'pause');
}

/** @throws container.not_paused */
export async function unpauseContainer(parts: EngineParts, reference: string): Promise<void> {
  const { id } = parts.registry.resolve(reference);
  using _held = await parts.mutex.acquire(id);
  if (parts.registry.require(id).state.status !== 'paused') throw fail('container.not_paused', { id });
  await thawContainer(parts, id);
}

/** Lets a paused container go on, so that it can take a signal. Does nothing to one that is not paused. */
export async function thawContainer(parts: EngineParts, id: string): Promise<void> {
  const paused = parts.registry.get(id);
  if (paused?.state.status !== 'paused') return;
  await parts.runtime.thaw(paused);
  const record = parts.registry.get(id);
  // A signal that waited for the thaw may have ended it already.
  if (record?.state.status !== 'paused') return;
  publishContainerEvent(parts.events, parts.registry.update(id, { state: withStatus(record.state, 'running') }), 'unpause');
  parts.health.watch(id);
}
