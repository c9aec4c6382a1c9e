/** Where a container's published ports lead: the endpoints with the ways out, by what their networks allow. */
import { BridgeNetwork } from './bridge-network.ts';
import type { ControllerParts } from './controller-parts.ts';
import type { Endpoint, Sandbox } from './contract.ts';
import type { NetworkSettings } from './default-bridge.ts';
import { waysOut } from './endpoint-order.ts';
import type { AttachableNetwork } from './network-driver.ts';
import { bridgeOption, isPredefined } from './network-record.ts';
import type { PublishOwner } from './port-reservations.ts';

/** To whom the container's published ports lead; undefined: it has no way out, and none are published. */
export function publishOwnerOf({ registry, settings }: Pick<ControllerParts, 'registry' | 'settings'>, { containerId, containerName, sandbox }: { readonly containerId: string; readonly containerName: string; readonly sandbox: Pick<Sandbox, 'endpoints'> }): PublishOwner | undefined {
  const publishes = (endpoint: Endpoint | undefined): Endpoint | undefined =>
    (endpoint !== undefined && registry.byId(endpoint.networkId)?.publishesPorts === true ? endpoint : undefined);
  const ways = waysOut(sandbox);
  const [four, six] = [publishes(ways.four), publishes(ways.six)];
  const first = four ?? six;
  if (first === undefined) return undefined;
  const networkOf = (endpoint: Endpoint | undefined): BridgeNetwork | undefined => {
    const network = endpoint === undefined ? undefined : registry.byId(endpoint.networkId);
    return network instanceof BridgeNetwork ? network : undefined;
  };
  const families = [{ family: 4, network: networkOf(four) }, { family: 6, network: networkOf(six) }] as const;
  return {
    containerId,
    containerName,
    endpointId: first.id,
    address: four?.address ?? '',
    address6: six?.six?.address,
    routed: families.flatMap(({ family, network }) => (network?.gatewayMode(family) === 'routed' ? [family] : [])),
    open: settings.directRouting === true || families.some(({ network }) => (network?.trustedInterfaces.length ?? 0) > 0),
    hostAddress: hostAddressOf(registry.byId(first.networkId), settings),
  };
}

/** Where the endpoint's network publishes ports that name no address; empty: everywhere. */
function hostAddressOf(network: AttachableNetwork | undefined, settings: NetworkSettings): string {
  const { Name = '', Options = {} } = network?.record ?? {};
  const address = Options[bridgeOption.hostAddress] ?? '';
  // The default bridge's says so, too, where nobody has asked for it.
  if (address === '' || (address === '0.0.0.0' && isPredefined(Name))) return settings.publishDefault ?? '';
  return address === '0.0.0.0' ? '' : address;
}
