/** Changes limits and restart policy of a container: at once where it runs, and for its later starts. */
import { fail, isFailure, messageOf } from '#base/errors/failure.ts';
import type { HostConfig, UpdateRequest } from '#schema/container-config.ts';
import { changeMounts } from './change-mounts.ts';
import { publishContainerEvent } from './container-events.ts';
import type { ContainerRecord } from './container-record.ts';
import { isRunning } from './container-state.ts';
import type { EngineParts } from './engine-parts.ts';
import { checkOnUnhealthy } from '../health/on-unhealthy.ts';
import { refusedLimit } from './start-failure.ts';
import { checkRestartPolicy } from './restart-policy.ts';
import { updatePorts } from './update-ports.ts';

/** @throws Docker's texts; the container is then as before */
export async function updateContainer(parts: EngineParts, reference: string, { MountAdd: addedMounts = [], MountRemove: removedMounts = [], ...request }: UpdateRequest): Promise<{ Warnings: string[] | null }> {
  checkRestartPolicy(request.RestartPolicy, false);
  checkOnUnhealthy(request.OnUnhealthy);
  const { PortBindingsAdd: _added, PortBindingsRemove: _removed, ...limits } = request;
  const { change, warnings } = parts.runtime.verifyUpdate(limits);
  const { id } = parts.registry.resolve(reference);
  using _held = await parts.mutex.acquire(id);
  const record = parts.registry.require(id);
  const refused = (reason: string): Error => fail('container.update_refused', { id, reason });
  if (record.state.status === 'removing' || record.state.status === 'dead') throw refused('container is marked for removal and cannot be "update"');
  const conflict = conflictOf(record, change);
  if (conflict !== undefined) throw refused(conflict);
  await using undo = new AsyncDisposableStack();
  const mounts = addedMounts.length + removedMounts.length === 0 ? undefined : await changeMounts(parts, record, { add: addedMounts, remove: removedMounts }, undo);
  const ports = await updatePorts(parts, record, request);
  if (isRunning(record.state)) {
    // Written first: a daemon that dies between the two is followed by one that makes them agree.
    parts.registry.update(id, { pendingUpdate: change });
    try {
      await parts.runtime.update(record, change);
    } catch (error) {
      parts.registry.update(id, { pendingUpdate: undefined });
      await ports.undo();
      const reason = isFailure(error, 'kernel.cgroup_setting_refused') ? `runc did not terminate successfully: exit status 1: ${refusedLimit(error)}` : messageOf(error);
      throw fail('container.update_failed', { id, reason }, error);
    }
  }
  const updated = parts.registry.update(id, {
    pendingUpdate: undefined,
    ...ports.change,
    ...(mounts !== undefined && { mounts: mounts.mounts }),
    hostConfig: { ...mergedLimits(mounts?.hostConfig ?? record.hostConfig, change), ...(request.OnUnhealthy !== undefined && { OnUnhealthy: request.OnUnhealthy }), ...ports.hostConfig },
  });
  undo.move();
  mounts?.publish(updated);
  publishContainerEvent(parts.events, updated, 'update');
  return { Warnings: warnings.length === 0 ? null : warnings };
}

/** What the container has already and the change contradict each other in. */
function conflictOf({ hostConfig: current }: ContainerRecord, change: UpdateRequest): string | undefined {
  if (change.NanoCpus > 0 && current.CpuPeriod > 0) return 'Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set';
  if (change.NanoCpus > 0 && current.CpuQuota > 0) return 'Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set';
  if (change.CpuPeriod > 0 && current.NanoCpus > 0) return 'Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set';
  if (change.CpuQuota > 0 && current.NanoCpus > 0) return 'Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set';
  if (change.Memory !== 0 && change.Memory > current.MemorySwap && change.MemorySwap === 0) {
    return 'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time';
  }
  const keepsPolicy = change.RestartPolicy.Name === '' || change.RestartPolicy.Name === 'no';
  if (current.AutoRemove && !keepsPolicy) return 'Restart policy cannot be updated because AutoRemove is enabled for the container';
  return undefined;
}

/** What is zero or empty in the change stays as it was. */
export function mergedLimits(current: HostConfig, change: UpdateRequest): HostConfig {
  const { RestartPolicy: policy, PidsLimit: pids, ...rest } = change;
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== 0 && value !== '' && value !== null));
  return {
    ...current,
    ...given,
    ...(pids !== null && { PidsLimit: Math.max(0, pids) }),
    ...(policy.Name !== '' && { RestartPolicy: policy }),
  };
}
