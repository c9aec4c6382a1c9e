/**
 * What follows a failed health check, an extension of our own: `OnUnhealthy` of the host configuration, or for
 * clients that do not know it the label `dhow.on-unhealthy`.
 */
import { fail, messageOf } from '#base/errors/failure.ts';
import type { ContainerLifecycle } from '../containers/container-lifecycle.ts';
import type { ContainerRecord } from '../containers/container-record.ts';
import type { EngineParts } from '../containers/engine-parts.ts';
import { restartContainer } from '../containers/restart-container.ts';
import { stopContainer } from '../containers/stop-container.ts';

const label = 'dhow.on-unhealthy';
const reactions: ReadonlySet<string> = new Set(['restart', 'stop', 'none']);

/** @throws container.on_unhealthy_invalid */
export function checkOnUnhealthy(value: string | undefined, labels: Readonly<Record<string, string>> = {}): void {
  for (const given of [value, labels[label]]) if (given !== undefined && given !== '' && !reactions.has(given)) throw fail('container.on_unhealthy_invalid', { value: given });
}

function reactionOf({ hostConfig, config }: ContainerRecord): string {
  return hostConfig.OnUnhealthy ?? config.Labels[label] ?? 'none';
}

/** Never rejects: there is nobody to tell but the log. */
export async function reactToUnhealthy(parts: EngineParts, lifecycle: ContainerLifecycle, id: string): Promise<void> {
  const record = parts.registry.get(id);
  if (record === undefined) return;
  const reaction = reactionOf(record);
  if (reaction !== 'restart' && reaction !== 'stop') return;
  parts.log('info', `container ${record.name} is unhealthy: ${reaction}`);
  const options = { timeout: undefined, signalName: '', why: 'unhealthy', signal: new AbortController().signal } as const;
  try {
    if (reaction === 'stop') await stopContainer(parts, lifecycle, id, options);
    else {
      await restartContainer(parts, lifecycle, id, options);
      if (parts.registry.get(id) !== undefined) parts.registry.update(id, { restartCount: record.restartCount + 1 });
    }
  } catch (error) {
    parts.log('error', `could not ${reaction} container ${record.name}, which is unhealthy: ${messageOf(error)}`);
  }
}
