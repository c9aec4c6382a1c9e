/**
 * Networks on a Linux bridge: one veth pair per container, addresses from the bridge's subnet, which
 * reach the outside by NAT. The bridge outlives the engine.
 */
import { randomBytes } from 'node:crypto';
import { fail, isFailure } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import { ArpAnnouncer } from '#kernel/arp-announcer.ts';
import { macBytes, macText, randomMacAddress } from '#kernel/netlink/mac-address.ts';
import { RouteSocket, type Link } from '#kernel/netlink/route-socket.ts';
import { ensureSysctl, writeSysctl } from '#kernel/sysctl.ts';
import { AddressPool } from './address-pool.ts';
import { decideBridgeSubnet, formatGateway, type BridgeSubnet } from './bridge-subnet.ts';
import type { Endpoint } from './contract.ts';
import { formatAddress, formatSubnet, overlaps, parseAddress, subnetOf, type Subnet } from './ipv4-subnet.ts';
import type { AttachableNetwork, EndpointRequest, NetworkDriver } from './network-driver.ts';
import { bridgeOption, type NetworkRecord } from './network-record.ts';

const containerInterface = 'eth0';
/** Names of the host's ends; others' interfaces may be ports of the bridge too and are left alone. */
const vethName = /^veth[0-9a-f]{8}$/;

export interface BridgeDriverOptions {
  /** For the default bridge: its address with prefix length. */
  readonly bip: string | undefined;
  /** Subnets of name servers and other networks, never chosen. */
  readonly reserved: readonly Subnet[];
}

export class BridgeDriver implements NetworkDriver {
  readonly name = 'bridge';
  readonly #options: BridgeDriverOptions;

  constructor(options: BridgeDriverOptions) {
    this.#options = options;
  }

  /** @throws network.not_a_bridge, network.invalid_bip, network.no_subnet */
  open(record: NetworkRecord, live: readonly Endpoint[]): BridgeNetwork {
    const name = record.Options[bridgeOption.interface] ?? '';
    const mtu = Number(record.Options[bridgeOption.mtu] ?? '1500');
    using stack = new DisposableStack();
    const routes = stack.use(new RouteSocket());
    const announcer = stack.use(new ArpAnnouncer());
    const bridge = this.#ensureBridge(routes, name, mtu);
    const subnet = this.#ensureAddress(routes, bridge, record, live);
    routes.setUp(bridge.index, name);
    const kept: NetworkRecord = { ...record, IPAM: { ...record.IPAM, Config: [{ Subnet: formatSubnet(subnet.subnet), Gateway: formatGateway(subnet) }] } };
    const network = new BridgeNetwork(kept, { routes, announcer, bridgeIndex: bridge.index, interface: name, mtu, subnet }, stack.move());
    for (const endpoint of live) network.adopt(endpoint);
    return network;
  }

  #ensureBridge(routes: RouteSocket, name: string, mtu: number): Link {
    let link = routes.link(name);
    if (link === undefined) {
      routes.createBridge(name, { macAddress: randomMacAddress(), mtu });
      link = routes.link(name);
    }
    if (link === undefined || link.kind !== 'bridge') throw fail('network.not_a_bridge', { name, linkKind: link?.kind === '' ? 'physical' : link?.kind });
    return link;
  }

  #ensureAddress(routes: RouteSocket, bridge: Link, record: NetworkRecord, live: readonly Endpoint[]): BridgeSubnet {
    const bip = record.Options[bridgeOption.defaultBridge] === 'true' ? this.#options.bip : undefined;
    const present = routes.addresses().filter(({ linkIndex }) => linkIndex === bridge.index);
    const wanted = decideBridgeSubnet({
      bip,
      live,
      present: present[0],
      recorded: record.IPAM.Config,
      used: [...this.#options.reserved, ...foreignSubnets(routes, bridge.index)],
    });
    const gateway = formatGateway(wanted);
    const { prefixLength } = wanted.subnet;
    for (const { address, prefixLength: length } of present) {
      if (address !== gateway || length !== prefixLength) routes.removeAddress(bridge.index, address, length);
    }
    if (present.some(({ address, prefixLength: length }) => address === gateway && length === prefixLength)) return wanted;
    routes.addAddress(bridge.index, gateway, prefixLength);
    const chosen = (bip === undefined || bip === '') && live.length === 0;
    if (chosen && foreignSubnets(routes, bridge.index).some((subnet) => overlaps(subnet, wanted.subnet))) {
      // Another engine chose the same at the same moment: whoever sees it gives way.
      routes.removeAddress(bridge.index, gateway, prefixLength);
      return this.#ensureAddress(routes, bridge, { ...record, IPAM: { ...record.IPAM, Config: null } }, live);
    }
    return wanted;
  }
}

/** What a {@link BridgeNetwork} works with. */
interface BridgeParts {
  readonly routes: RouteSocket;
  readonly announcer: ArpAnnouncer;
  readonly bridgeIndex: number;
  readonly interface: string;
  readonly mtu: number;
  readonly subnet: BridgeSubnet;
}

export class BridgeNetwork implements AttachableNetwork {
  readonly record: NetworkRecord;
  readonly separate = true;
  readonly publishesPorts = true;
  readonly interface: string;
  readonly subnet: Subnet;
  readonly #parts: BridgeParts;
  readonly #pool: AddressPool;
  readonly #held: DisposableStack;

  constructor(record: NetworkRecord, parts: BridgeParts, held: DisposableStack) {
    this.record = record;
    this.interface = parts.interface;
    this.subnet = parts.subnet.subnet;
    this.#parts = parts;
    this.#held = held;
    this.#pool = new AddressPool(this.subnet);
    this.#pool.claim(parts.subnet.gateway);
  }

  reserve(request: EndpointRequest): Endpoint {
    const address = request.address === '' ? this.#pool.take() : this.#claim(request.address);
    if (address === undefined) throw fail('network.no_address', { network: this.record.Name, id: this.record.Id });
    return {
      id: newIdentifier(),
      networkId: this.record.Id,
      driver: this.record.Driver,
      address: formatAddress(address),
      prefixLength: this.subnet.prefixLength,
      gateway: formatGateway(this.#parts.subnet),
      macAddress: request.macAddress === '' ? randomMacAddress() : macText(macBytes(request.macAddress)),
      hostInterface: `veth${randomBytes(4).toString('hex')}`,
    };
  }

  connect(endpoint: Endpoint, namespace: number): void {
    const { routes, announcer, bridgeIndex, mtu } = this.#parts;
    using inside = new RouteSocket();
    routes.createVethPair({
      hostName: endpoint.hostInterface,
      bridgeIndex,
      mtu,
      peerName: containerInterface,
      peerMacAddress: endpoint.macAddress,
      peerNamespaceFd: namespace,
      peerAddress: endpoint.address,
    });
    disableIPv6(containerInterface);
    inside.configure({ name: containerInterface, address: endpoint.address, prefixLength: endpoint.prefixLength, gateway: endpoint.gateway });
    announcer.announce(bridgeIndex, endpoint.address, endpoint.macAddress);
  }

  release(endpoint: Endpoint): void {
    const address = parseAddress(endpoint.address);
    if (address !== undefined) this.#pool.release(address);
  }

  /** Counts a live container's address as taken and makes its interface a port of the bridge again, should the bridge have been made anew. */
  adopt(endpoint: Endpoint): void {
    const address = parseAddress(endpoint.address);
    if (address !== undefined) this.#pool.claim(address);
    const { routes, bridgeIndex } = this.#parts;
    const link = routes.link(endpoint.hostInterface);
    if (link !== undefined && link.masterIndex !== bridgeIndex) {
      routes.setMaster(link.index, link.name, bridgeIndex);
      routes.setUp(link.index, link.name);
    }
  }

  /** Deletes the veth pairs on this bridge that belong to none of these endpoints. */
  async removeLeftovers(live: readonly Endpoint[]): Promise<void> {
    const owned = new Set(live.map((endpoint) => endpoint.hostInterface));
    // A socket of its own: the other one must not be read while this one's answer is awaited.
    using routes = new RouteSocket();
    const leftovers = routes.links().filter(({ masterIndex, name }) => masterIndex === this.#parts.bridgeIndex && vethName.test(name) && !owned.has(name));
    if (leftovers.length > 0) await routes.deleteLinks(leftovers.map(({ index }) => index));
  }

  #claim(text: string): number {
    const address = parseAddress(text);
    if (address === undefined || !this.#pool.claim(address)) throw fail('network.address_in_use', { address: text });
    return address;
  }

  [Symbol.dispose](): void {
    this.#held.dispose();
  }
}

/**
 * Lets packets pass between containers and the outside, and from 127.0.0.1 to published ports.
 * @returns whether the latter works; @throws kernel.syscall_failed when forwarding cannot be switched on
 */
export function enableForwarding(bridge: string): { loopback: boolean } {
  ensureSysctl('net.ipv4.ip_forward', '1');
  try {
    ensureSysctl(`net/ipv4/conf/${bridge}/route_localnet`, '1');
    return { loopback: true };
  } catch (error) {
    // Where /proc/sys is read-only the relays serve 127.0.0.1.
    if (!isFailure(error, 'kernel.syscall_failed')) throw error;
    return { loopback: false };
  }
}

/** Networks without IPv6 have no link-local addresses either. */
function disableIPv6(name: string): void {
  try {
    writeSysctl(`net/ipv6/conf/${name}/disable_ipv6`, '1');
  } catch (error) {
    // A kernel without IPv6 has no such setting, and where settings are read-only the address does no harm.
    if (!isFailure(error, 'kernel.syscall_failed')) throw error;
  }
}

/** Subnets that interfaces other than this one are on. */
function foreignSubnets(routes: RouteSocket, ownIndex: number): Subnet[] {
  const connected = routes.onLinkRoutes().filter(({ linkIndex }) => linkIndex !== ownIndex).map(({ destination, prefixLength }) => subnetOf(parseAddress(destination) ?? 0, prefixLength));
  const addresses = routes.addresses().filter(({ linkIndex }) => linkIndex !== ownIndex).map(({ address, prefixLength }) => subnetOf(parseAddress(address) ?? 0, prefixLength));
  return [...connected, ...addresses].filter(({ prefixLength }) => prefixLength > 0);
}
