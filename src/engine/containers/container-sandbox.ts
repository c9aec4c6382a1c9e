/** What a container's start joins or makes beyond its own processes: network sandbox and shared memory. */
import { fail, isFailure } from '#base/errors/failure.ts';
import { rootOnHost } from '#base/identity-mapping.ts';
import { namespacePathOf } from '#kernel/process-namespace.ts';
import { mountSharedMemory, sharedMemoryOfHost, unmountSharedMemory } from '#kernel/shared-memory.ts';
import type { NetworkIdentity, Sandbox, SandboxRequest } from '#network/contract.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineParts } from './engine-parts.ts';
import { donorOf, userNamespaceOfDonor } from './namespace-donors.ts';
import { attachmentsOf, referenceOf, settingsAfterRefusal, type Attachment } from './network-attachments.ts';
import { remappingFor } from './remapping.ts';
import { sandboxLinks } from './sandbox-links.ts';

/** The network of a start, and the namespaces that come with it. What it makes goes with `undo`. */
export async function makeSandbox(
  parts: EngineParts,
  record: ContainerRecord,
  undo: AsyncDisposableStack,
): Promise<{ sandbox: Sandbox | undefined; networkNamespace: string | undefined; userNamespace: string | undefined }> {
  const mode = record.hostConfig.NetworkMode;
  const remapping = remappingFor(parts, record.hostConfig);
  const donated = remapping && userNamespaceOfDonor(parts.registry, record);
  if (mode.startsWith('container:')) {
    const { pid } = donorOf(parts.registry, mode.slice('container:'.length), 'network', record.id).state;
    return { sandbox: undefined, networkNamespace: namespacePathOf(pid, 'net'), userNamespace: donated };
  }
  const attachments = attachmentsOf(record);
  if (mode === 'host' && attachments.some(({ name }) => name !== mode)) throw fail('container.network_host_beside_others');
  const [main, ...further] = attachments;
  const nameServers = [record.hostConfig.Dns ?? [], parts.configuration.current.dns.servers].find((list) => list.length > 0);
  const sandbox = await createSandbox(parts, record, {
    containerId: record.id,
    containerName: record.name,
    networkMode: main === undefined ? undefined : referenceOf(main),
    exposedPorts: Object.keys(record.config.ExposedPorts ?? {}),
    portBindings: record.hostConfig.PortBindings ?? {},
    publishAll: record.hostConfig.PublishAllPorts,
    macAddress: main?.settings.MacAddress ? undefined : record.config.MacAddress,
    endpointSettings: main?.settings,
    furtherNetworks: further.map((attachment) => ({ network: referenceOf(attachment), settings: attachment.settings })),
    hostname: record.config.Hostname,
    ...(nameServers !== undefined && { nameServers }),
    owner: remapping && { ...remapping, join: donated },
  });
  undo.defer(() => parts.networks.destroy(record.id, sandbox));
  // In the record before the start is confirmed: start-up gives it back after a crash.
  parts.registry.update(record.id, { sandbox });
  undo.defer(() => void parts.registry.book(record.id, { sandbox: undefined }));
  sandboxLinks.make(sandbox);
  undo.defer(() => sandboxLinks.remove(sandbox));
  return { sandbox, networkNamespace: mode === 'host' ? undefined : sandbox.namespacePath, userNamespace: donated ?? sandbox.userNamespacePath };
}

/** Of networks that a container could not join it keeps, as in Docker, how it would have been known there. */
async function createSandbox({ networks, registry }: EngineParts, record: ContainerRecord, request: SandboxRequest): Promise<Sandbox> {
  try {
    return await networks.create(request);
  } catch (error) {
    const identityOf = (attachment: Attachment): NetworkIdentity | undefined => {
      try {
        return networks.identify(referenceOf(attachment));
      } catch (unknown) {
        if (isFailure(unknown, 'network.not_found') || isFailure(unknown, 'network.ambiguous_use')) return undefined;
        throw unknown;
      }
    };
    registry.book(record.id, { endpointSettings: settingsAfterRefusal(record, error, identityOf) });
    throw error;
  }
}

/** Shared memory that outlives one mount namespace: the host's, a shareable container's own, or its donor's. */
export function sharedMemoryFor(parts: EngineParts, record: ContainerRecord, undo: AsyncDisposableStack): string | undefined {
  const { IpcMode, ShmSize } = record.hostConfig;
  const { paths } = parts;
  if (IpcMode === 'host') return sharedMemoryOfHost;
  if (IpcMode.startsWith('container:')) return paths.sharedMemoryDirectory(donorOf(parts.registry, IpcMode.slice('container:'.length), 'ipc').id);
  if (IpcMode !== 'shareable') return undefined;
  const directory = paths.sharedMemoryDirectory(record.id);
  const remapping = remappingFor(parts, record.hostConfig);
  mountSharedMemory(directory, ShmSize, remapping && rootOnHost(remapping.mapping));
  undo.defer(() => unmountSharedMemory(directory));
  return directory;
}
