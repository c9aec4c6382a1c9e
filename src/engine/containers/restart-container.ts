/** Stopping and starting again. */
import { isFailure } from '#base/errors/failure.ts';
import { publishContainerEvent } from './container-events.ts';
import type { ContainerLifecycle } from './container-lifecycle.ts';
import { isRunning } from './container-state.ts';
import type { EngineParts } from './engine-parts.ts';
import { stopContainer, type StopOptions } from './stop-container.ts';

const never = new AbortController().signal;

export async function restartContainer(parts: EngineParts, lifecycle: ContainerLifecycle, id: string, options: StopOptions): Promise<void> {
  const { state } = parts.registry.require(id);
  const container = parts.live.of(id);
  container.restartRequested = true;
  parts.registry.update(id, { pendingRestart: { timeout: options.timeout, signalName: options.signalName } });
  try {
    if (isRunning(state) || state.status === 'restarting') await stopContainer(parts, lifecycle, id, options);
    try {
      await lifecycle.start(id, never);
    } catch (error) {
      // Somebody else was quicker: it runs anew all the same.
      if (!isFailure(error, 'container.already_started')) throw error;
    }
  } finally {
    container.restartRequested = false;
    // Its start has taken it off the record; it is there still where it failed.
    if (parts.registry.get(id)?.pendingRestart !== undefined) parts.registry.book(id, { pendingRestart: undefined });
  }
  const restarted = parts.registry.get(id);
  if (restarted !== undefined) publishContainerEvent(parts.events, restarted, 'restart');
}
