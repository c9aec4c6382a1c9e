/** Containers whose namespaces another container joins (`container:NAME`): found, checked, and the error of each case. */
import { fail, isFailure } from '#base/errors/failure.ts';
import { namespacePathOf } from '#kernel/process-namespace.ts';
import type { ContainerRecord } from './container-record.ts';
import type { ContainerRegistry } from './container-registry.ts';
import { isRunning } from './container-state.ts';

export type NamespacePurpose = 'pid' | 'ipc' | 'network';

/** @param own who asks. @throws start errors with Docker's texts, of a container that is missing, does not run, does not share or is the asker */
export function donorOf(registry: ContainerRegistry, reference: string, purpose: NamespacePurpose, own?: string): ContainerRecord {
  let other: ContainerRecord;
  try {
    other = registry.resolve(reference);
  } catch (error) {
    if (isFailure(error, 'container.empty_reference') && purpose !== 'network') throw fail('container.namespace_donor_unnamed', { namespace: purpose.toUpperCase() }, error);
    if (!isFailure(error, 'container.not_found')) throw error;
    if (purpose === 'network') throw fail('container.network_container_missing', { reference }, error);
    throw fail('container.namespace_donor_gone', { namespace: purpose.toUpperCase(), reference }, error);
  }
  if (other.id === own) throw fail('container.network_of_its_own');
  if (!isRunning(other.state)) {
    if (purpose === 'network') throw fail('container.network_container_stopped', { name: other.name, status: other.state.status });
    throw fail('container.namespace_donor_stopped', { namespace: purpose.toUpperCase(), id: other.id });
  }
  if (purpose === 'ipc' && other.hostConfig.IpcMode !== 'shareable') throw fail('container.ipc_not_shareable', { id: other.id });
  return other;
}

/** The process whose namespace is joined. @throws as `donorOf` */
export function pidOf(registry: ContainerRegistry, reference: string, purpose: NamespacePurpose): number {
  return donorOf(registry, reference, purpose).state.pid;
}

/** Who shares another namespace of a container has its users, too: it could do nothing there otherwise. */
export function userNamespaceOfDonor(registry: ContainerRegistry, { hostConfig: { NetworkMode, IpcMode, PidMode } }: ContainerRecord): string | undefined {
  const [mode, purpose] = ([[PidMode, 'pid'], [IpcMode, 'ipc'], [NetworkMode, 'network']] as const).find(([value]) => value.startsWith('container:')) ?? [];
  return mode === undefined || purpose === undefined ? undefined : namespacePathOf(pidOf(registry, mode.slice('container:'.length), purpose), 'user');
}
