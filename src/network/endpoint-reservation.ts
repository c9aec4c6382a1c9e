/** A container's place in a network before there is anything of the kernel's: its address, its names, the name of its interface. */
import { EngineError, fail } from '#base/errors/failure.ts';
import type { EndpointSettings } from '#schema/container-config.ts';
import type { Endpoint } from './contract.ts';
import { freeInterfaceName, hasInterface } from './endpoint-order.ts';
import type { AttachableNetwork } from './network-driver.ts';
import { bridgeOption, isPredefined, type NetworkRecord } from './network-record.ts';

export interface EndpointWish {
  readonly containerId: string;
  readonly hostname: string;
  readonly interface: string;
  /** While the container starts; else it runs, and failures are told without what begins those of a start. */
  readonly setup: boolean;
}

/** Takes an endpoint's address and names; given back when the stack is disposed. @throws network.no_address, network.address_in_use and the like */
export function reserveEndpoint(network: AttachableNetwork, settings: Partial<EndpointSettings> | undefined, place: EndpointWish, stack: DisposableStack): Endpoint {
  let endpoint: Endpoint;
  try {
    endpoint = network.reserve({ macAddress: settings?.MacAddress ?? '', address: settings?.IPAMConfig?.IPv4Address ?? '', address6: settings?.IPAMConfig?.IPv6Address ?? '' });
  } catch (error) {
    if (place.setup || !(error instanceof EngineError)) throw error;
    throw fail(error.code, { ...error.details, setup: false }, error);
  }
  stack.defer(() => network.release(endpoint));
  if (!hasInterface(endpoint)) return endpoint;
  const { containerId, hostname } = place;
  return {
    ...endpoint,
    containerInterface: place.interface,
    gatewayPriority: settings?.GwPriority ?? 0,
    ...((settings?.IPAMConfig?.LinkLocalIPs ?? []).length > 0 && { linkLocal: settings?.IPAMConfig?.LinkLocalIPs ?? [] }),
    ...(!isPredefined(network.record.Name) && {
      aliases: [...new Set([...(settings?.Aliases ?? []), containerId.slice(0, 12), ...(hostname === '' ? [] : [hostname])])],
      links: settings?.Links ?? [],
    }),
  };
}

/** What its interface is called beside those that are there. */
export function interfaceNameFor({ record }: AttachableNetwork, settings: Partial<EndpointSettings> | undefined, present: readonly Endpoint[]): string {
  return freeInterfaceName(present, settings?.DriverOpts, interfacePrefixOf(record));
}

export function interfaceIn(endpoint: Endpoint): string {
  return endpoint.containerInterface ?? 'eth0';
}

/** Only bridges have it, as in Docker. */
function interfacePrefixOf({ Driver, Options }: NetworkRecord): string | undefined {
  const prefix = Options[bridgeOption.interfacePrefix] ?? '';
  return Driver === 'bridge' && prefix !== '' ? prefix : undefined;
}
