/** What a container's own files are made from, besides its record. */
import type { Sandbox } from '#network/contract.ts';
import type { FileFacts } from './container-files.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineParts } from './engine-parts.ts';
import { isUserDefined } from './network-attachments.ts';

export function fileFactsOf(parts: Pick<EngineParts, 'paths' | 'networks' | 'dns'>, record: Pick<ContainerRecord, 'id' | 'hostConfig'>, sandbox: Sandbox | undefined, linkedHosts: readonly string[] = []): FileFacts {
  return {
    directory: parts.paths.containerDirectory(record.id),
    sandbox,
    hostNetwork: record.hostConfig.NetworkMode === 'host',
    engineResolver: parts.dns,
    hostResolver: parts.networks.hostResolver(),
    hostServers: parts.networks.hostResolver('host').servers,
    internalResolver: Object.keys(sandbox?.endpoints ?? {}).some(isUserDefined),
    linkedHosts,
    hostGateway: Object.values(sandbox?.endpoints ?? {}).find((endpoint) => endpoint.gateway !== '')?.gateway ?? '',
  };
}
