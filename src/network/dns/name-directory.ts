/** Who is called what on which user-defined network, and at which address. Kept in step with the endpoints of running containers. */
import { predefinedNetworks } from '../network-record.ts';
import type { Endpoint, Sandbox } from '../contract.ts';
import { gatewayOf } from '../endpoint-order.ts';

interface Membership {
  readonly networkId: string;
  readonly networkName: string;
  /** Of both families. */
  readonly addresses: readonly string[];
  readonly names: readonly string[];
  /** Alias to target. */
  readonly links: ReadonlyMap<string, string>;
}

interface Member {
  readonly name: string;
  readonly memberships: readonly Membership[];
  readonly reachesOutside: boolean;
}

export class NameDirectory {
  readonly #members = new Map<string, Member>();
  /** Network, name, container, addresses. */
  readonly #addresses = new Map<string, Map<string, Map<string, readonly string[]>>>();
  /** Network, address, name of the container. */
  readonly #holders = new Map<string, Map<string, string>>();

  /** Takes a container in, or brings what is known of it up to date. */
  put(containerId: string, containerName: string, sandbox: Sandbox): void {
    this.delete(containerId);
    const memberships = Object.entries(sandbox.endpoints)
      .filter(([networkName, endpoint]) => !predefinedNetworks.includes(networkName) && addressesOf(endpoint).length > 0)
      .map(([networkName, endpoint]): Membership => ({
        networkId: endpoint.networkId,
        networkName,
        addresses: addressesOf(endpoint),
        names: [...new Set([containerName, ...(endpoint.aliases ?? [])].map((name) => name.toLowerCase()))],
        links: new Map((endpoint.links ?? []).map((link) => [link.slice(link.indexOf(':') + 1).toLowerCase(), link.split(':', 1)[0]?.toLowerCase() ?? ''])),
      }));
    this.#members.set(containerId, { name: containerName, memberships, reachesOutside: gatewayOf(sandbox) !== undefined });
    for (const { networkId, addresses, names } of memberships) {
      for (const name of names) entry(entry(this.#addresses, networkId), name).set(containerId, addresses);
      for (const address of addresses) entry(this.#holders, networkId).set(address, containerName);
    }
  }

  delete(containerId: string): void {
    const member = this.#members.get(containerId);
    if (member === undefined) return;
    this.#members.delete(containerId);
    for (const { networkId, addresses, names } of member.memberships) {
      const network = this.#addresses.get(networkId);
      for (const name of names) {
        network?.get(name)?.delete(containerId);
        if (network?.get(name)?.size === 0) network.delete(name);
      }
      if (network?.size === 0) this.#addresses.delete(networkId);
      for (const address of addresses) this.#holders.get(networkId)?.delete(address);
      if (this.#holders.get(networkId)?.size === 0) this.#holders.delete(networkId);
    }
  }

  /** Addresses of a name as this container sees it, from the first of its networks that knows it; empty when none does. */
  lookUp(containerId: string, name: string): string[] {
    const memberships = this.#members.get(containerId)?.memberships ?? [];
    for (const { networkId, links } of memberships) {
      const found = this.#addresses.get(networkId)?.get(links.get(name) ?? name);
      if (found !== undefined) return [...found.values()].flat();
    }
    // A name may say its network: `web.backend`.
    const dot = name.lastIndexOf('.');
    if (dot < 0) return [];
    const network = name.slice(dot + 1);
    const inNetwork = memberships.find(({ networkName }) => networkName.toLowerCase() === network);
    return inNetwork === undefined ? [] : [...(this.#addresses.get(inNetwork.networkId)?.get(name.slice(0, dot))?.values() ?? [])].flat();
  }

  /** `container.network` that has the address on one of this container's networks. */
  reverse(containerId: string, address: string): string | undefined {
    for (const { networkId, networkName } of this.#members.get(containerId)?.memberships ?? []) {
      const holder = this.#holders.get(networkId)?.get(address);
      if (holder !== undefined) return `${holder}.${networkName}`;
    }
    return undefined;
  }

  /** Whether questions about the outside may leave: containers on internal networks alone ask nobody. */
  reachesOutside(containerId: string): boolean {
    return this.#members.get(containerId)?.reachesOutside === true;
  }
}

function addressesOf({ address, six }: Endpoint): string[] {
  return [address, six?.address ?? ''].filter((text) => text !== '');
}

function entry<V>(map: Map<string, Map<string, V>>, key: string): Map<string, V> {
  let inner = map.get(key);
  if (inner === undefined) map.set(key, (inner = new Map<string, V>()));
  return inner;
}
