/** A network as `inspect` shows it, with the containers that are on it now. */
import type { NetworkInspect } from '#schema/network-views.ts';
import type { Attached } from './controller-parts.ts';
import type { Endpoint } from './contract.ts';
import type { AttachableNetwork } from './network-driver.ts';

export function viewNetwork(network: AttachableNetwork, attached: ReadonlyMap<string, Attached>): NetworkInspect {
  const Containers: NetworkInspect['Containers'] = {};
  for (const [containerId, { containerName, sandbox }] of attached) {
    for (const endpoint of Object.values(sandbox.endpoints)) {
      if (endpoint.networkId === network.record.Id) Containers[containerId] = containerView(containerName, endpoint);
    }
  }
  const { engine: _engine, Options, Labels, ...shown } = network.record;
  const known = Object.entries(Containers).sort(([one], [other]) => (one < other ? -1 : 1));
  // In Docker's order: its command line prints what it is sent.
  return { ...shown, Containers: Object.fromEntries(known), Options, Labels };
}

function containerView(Name: string, endpoint: Endpoint): NetworkInspect['Containers'][string] {
  const IPv4Address = endpoint.address === '' ? '' : `${endpoint.address}/${endpoint.prefixLength}`;
  const IPv6Address = endpoint.six === undefined ? '' : `${endpoint.six.address}/${endpoint.six.prefixLength}`;
  return { Name, EndpointID: endpoint.id, MacAddress: endpoint.macAddress, IPv4Address, IPv6Address };
}
