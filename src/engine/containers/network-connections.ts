/** `POST /networks/{id}/connect` and `/disconnect`: on running containers at once, on others from their next start on. */
import { fail, isFailure } from '#base/errors/failure.ts';
import type { EndpointSettings } from '#schema/container-config.ts';
import type { NetworkIdentity, Sandbox } from '#network/contract.ts';
import { gatewayOf } from '#network/endpoint-order.ts';
import { followNetworks } from './container-files.ts';
import { fileFactsOf } from './file-facts.ts';
import type { ContainerRecord } from './container-record.ts';
import { isRunning } from './container-state.ts';
import type { EngineParts } from './engine-parts.ts';

/** @throws container.not_found, network.not_found, network.endpoint_exists and the like */
export async function connectContainer(parts: EngineParts, networkReference: string, containerReference: string, settings: Partial<EndpointSettings>): Promise<void> {
  const { registry, networks, mutex } = parts;
  const { id } = registry.resolve(containerReference);
  using _held = await mutex.acquire(id);
  const before = registry.require(id);
  const network = networks.identify(networkReference);
  refuseConnection(before, network);
  networks.validateEndpoint(network.id, settings);
  if (!isRunning(before.state)) {
    // As in Docker the first wishes count.
    if (before.endpointSettings[network.name] !== undefined) return;
    registry.update(id, { endpointSettings: { ...before.endpointSettings, [network.name]: { ...settings, NetworkID: '', DNSNames: [] } } });
    return;
  }
  const sandbox = await networks.connect(id, { ...wishesOf(before), network: network.id, settings });
  const after = registry.update(id, { sandbox, endpointSettings: { ...before.endpointSettings, [network.name]: { ...settings, NetworkID: network.id } } });
  followNetworks(before, after, (record) => fileFactsOf(parts, record, record.sandbox));
  publish(parts, network, id, 'connect');
}

/** @param force also when the container is gone. @throws container.not_found, network.not_found, network.not_connected */
export async function disconnectContainer(parts: EngineParts, networkReference: string, containerReference: string, force: boolean): Promise<void> {
  const { registry, networks, mutex } = parts;
  const { id } = resolveForDisconnect(parts, containerReference, force);
  using _held = await mutex.acquire(id);
  const before = registry.require(id);
  const network = networks.identify(networkReference);
  const { [network.name]: settings, ...rest } = before.endpointSettings;
  if (!isRunning(before.state)) {
    if (settings === undefined) throw fail('network.stopped_not_connected', { id, network: network.name });
    registry.update(id, { endpointSettings: rest });
  } else {
    if (before.hostConfig.NetworkMode === 'host' && network.name === 'host') throw fail('network.disconnect_host');
    if (before.sandbox?.endpoints[network.name] === undefined) throw fail('network.not_connected', { id, network: network.name });
    const { [network.name]: _endpoint, ...endpoints } = before.sandbox.endpoints;
    // Written first: after a crash from here on start-up takes away the interface that nobody has.
    const left: Sandbox = { ...before.sandbox, endpoints };
    registry.update(id, { sandbox: gatewayOf(left) === undefined ? { ...left, ports: {} } : left, endpointSettings: rest });
    let sandbox: Sandbox;
    try {
      sandbox = await networks.disconnect(id, { ...wishesOf(before), network: network.id });
    } catch (error) {
      registry.update(id, { sandbox: before.sandbox, endpointSettings: before.endpointSettings });
      throw error;
    }
    const after = registry.update(id, { sandbox, endpointSettings: rest });
    followNetworks(before, after, (record) => fileFactsOf(parts, record, record.sandbox));
  }
  publish(parts, network, id, 'disconnect');
}

function resolveForDisconnect({ registry }: EngineParts, reference: string, force: boolean): ContainerRecord {
  try {
    return registry.resolve(reference);
  } catch (error) {
    // Forced, only what is left of an endpoint would matter, and nothing ever is.
    if (force && isFailure(error, 'container.not_found')) throw fail('network.endpoint_not_found', { name: reference }, error);
    throw error;
  }
}

function refuseConnection(record: ContainerRecord, network: NetworkIdentity): void {
  const mode = record.hostConfig.NetworkMode;
  if (mode.startsWith('container:')) throw fail('network.shared_mode');
  if (network.name === 'host' && mode !== 'host') throw fail('network.connect_host');
  for (const name of Object.keys(record.endpointSettings)) {
    if (name === network.name) continue;
    if (name === 'host') throw fail('network.shared_mode');
    if (name === 'none' || network.name === 'none') throw fail('network.private_mode');
  }
}

function wishesOf(record: ContainerRecord): { containerName: string; hostname: string; exposedPorts: string[]; portBindings: NonNullable<ContainerRecord['hostConfig']['PortBindings']>; publishAll: boolean } {
  return {
    containerName: record.name,
    hostname: record.config.Hostname,
    exposedPorts: Object.keys(record.config.ExposedPorts ?? {}),
    portBindings: record.hostConfig.PortBindings ?? {},
    publishAll: record.hostConfig.PublishAllPorts,
  };
}

function publish(parts: EngineParts, network: NetworkIdentity, container: string, action: 'connect' | 'disconnect'): void {
  parts.events.publish({ type: 'network', action, id: network.id, attributes: { container, name: network.name, type: network.driver } });
}
