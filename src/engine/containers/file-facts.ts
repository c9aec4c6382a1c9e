/** What a container's own files are made from, besides its record. */
import { rootOnHost } from '#base/identity-mapping.ts';
import type { Sandbox } from '#network/contract.ts';
import type { FileFacts } from './container-files.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineParts } from './engine-parts.ts';
import { remappingFor } from './remapping.ts';
import { isUserDefined } from './network-attachments.ts';

export function fileFactsOf(parts: Pick<EngineParts, 'paths' | 'networks' | 'configuration' | 'remapping'>, record: Pick<ContainerRecord, 'id' | 'hostConfig'>, sandbox: Sandbox | undefined, linkedHosts: readonly string[] = []): FileFacts {
  const remapping = remappingFor(parts, record.hostConfig);
  return {
    directory: parts.paths.containerDirectory(record.id),
    owner: remapping && rootOnHost(remapping.mapping),
    sandbox,
    hostNetwork: record.hostConfig.NetworkMode === 'host',
    engineResolver: parts.configuration.current.dns,
    hostResolver: parts.networks.hostResolver(),
    hostServers: parts.networks.hostResolver('host').servers,
    internalResolver: Object.keys(sandbox?.endpoints ?? {}).some(isUserDefined),
    linkedHosts,
    hostGateways: hostGatewaysOf(parts),
  };
}

/** As configured, else the default bridge's address, whatever network the container is on. */
function hostGatewaysOf({ configuration, networks }: Pick<EngineParts, 'configuration' | 'networks'>): readonly string[] {
  const { hostGateway } = configuration.current;
  if (hostGateway.length > 0) return hostGateway;
  return (networks.inspect('bridge').IPAM.Config ?? []).flatMap(({ Gateway = '' }) => (Gateway === '' ? [] : [Gateway]));
}
