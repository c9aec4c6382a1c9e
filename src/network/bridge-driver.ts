/**
 * Networks on a Linux bridge: one veth pair per container, addresses from the bridge's subnet, which
 * reach the outside by NAT. The bridge outlives the engine.
 */
import { randomBytes } from 'node:crypto';
import { fail, invariant, isFailure } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import { ArpAnnouncer } from '#kernel/arp-announcer.ts';
import { macBytes, macText, randomMacAddress } from '#kernel/netlink/mac-address.ts';
import { RouteSocket, type Link } from '#kernel/netlink/route-socket.ts';
import { ensureSysctl, writeSysctl } from '#kernel/sysctl.ts';
import type { NetworkAddressing } from '#schema/network-views.ts';
import { AddressPool } from './address-pool.ts';
import { decideBridgeSubnet, formatGateway, type BridgeSubnet } from './bridge-subnet.ts';
import type { Endpoint } from './contract.ts';
import type { NetworkSettings } from './default-bridge.ts';
import { contains, formatAddress, formatSubnet, overlaps, parseAddress, parseInterfaceAddress, subnetOf, type Subnet } from './ipv4-subnet.ts';
import type { AttachableNetwork, EndpointPlace, EndpointRequest, NetworkDriver } from './network-driver.ts';
import { bridgeOption, interfaceOf, isSwitchedOn, type NetworkRecord } from './network-record.ts';
import { chooseSubnet } from './subnet-choice.ts';

/** Names of the host's ends; others' interfaces may be ports of the bridge too and are left alone. */
const vethName = /^veth[0-9a-f]{8}$/;

export interface BridgeDriverOptions {
  readonly settings: NetworkSettings;
  /** Subnets of name servers and other networks, never chosen. */
  readonly reserved: readonly Subnet[];
}

export class BridgeDriver implements NetworkDriver {
  readonly name = 'bridge';
  readonly #options: BridgeDriverOptions;

  constructor(options: BridgeDriverOptions) {
    this.#options = options;
  }

  /** @throws network.not_a_bridge, network.invalid_bip, network.no_subnet, network.gateway_taken, network.auxiliary_taken */
  open(record: NetworkRecord, live: readonly Endpoint[]): BridgeNetwork {
    const name = interfaceOf(record);
    const mtu = Number(record.Options[bridgeOption.mtu] ?? '1500');
    const isDefault = record.Options[bridgeOption.defaultBridge] === 'true';
    using stack = new DisposableStack();
    const routes = stack.use(new RouteSocket());
    const announcer = stack.use(new ArpAnnouncer());
    const ownsInterface = record.engine?.ownsInterface === true || routes.link(name) === undefined;
    const bridge = this.#ensureBridge(routes, name, mtu);
    const parts = { routes, announcer, bridgeIndex: bridge.index, interface: name, mtu };
    let network: BridgeNetwork;
    if (isDefault) {
      const subnet = this.#ensureAddress(routes, bridge, record, live);
      const { addressing, pool, defaultGateway } = defaultAddressing(subnet, this.#options.settings, live.length > 0);
      const kept: NetworkRecord = { ...record, IPAM: { ...record.IPAM, Config: [addressing] } };
      network = new BridgeNetwork(kept, { ...parts, subnet, pool, defaultGateway }, stack.move());
    } else {
      const kept: NetworkRecord = { ...record, engine: { staticSubnet: record.engine?.staticSubnet === true, ownsInterface } };
      const { subnet, pool } = poolOf(record);
      this.#setAddress(routes, bridge, subnet);
      network = new BridgeNetwork(kept, { ...parts, subnet, pool }, stack.move());
    }
    routes.setUp(bridge.index, name);
    for (const endpoint of live) network.adopt(endpoint);
    return network;
  }

  /** A network as {@link open} wants it: its subnet chosen, where none is asked for. @throws network.no_subnet, network.gateway_taken, network.auxiliary_taken */
  complete(record: NetworkRecord, others: readonly NetworkRecord[]): NetworkRecord {
    if ((record.IPAM.Config ?? []).length === 0) {
      using routes = new RouteSocket();
      const taken = others.flatMap(({ IPAM }) => (IPAM.Config ?? []).flatMap(({ Subnet = '' }) => parseInterfaceAddress(Subnet)?.subnet ?? []));
      const subnet = chooseSubnet([...this.#options.reserved, ...taken, ...foreignSubnets(routes, 0)], this.#options.settings.pools);
      if (subnet === undefined) throw fail('network.no_subnet');
      return { ...record, IPAM: { ...record.IPAM, Config: [{ Subnet: formatSubnet(subnet), Gateway: formatAddress(subnet.base + 1) }] } };
    }
    poolOf(record);
    return record;
  }

  /** Gives the bridge this address and no other. */
  #setAddress(routes: RouteSocket, bridge: Link, subnet: BridgeSubnet): void {
    const gateway = formatGateway(subnet);
    const { prefixLength } = subnet.subnet;
    const present = routes.addresses().filter(({ linkIndex }) => linkIndex === bridge.index);
    const isRight = (entry: { address: string; prefixLength: number }): boolean => entry.address === gateway && entry.prefixLength === prefixLength;
    for (const entry of present) if (!isRight(entry)) routes.removeAddress(bridge.index, entry.address, entry.prefixLength);
    if (!present.some(isRight)) routes.addAddress(bridge.index, gateway, prefixLength);
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
    const { bip: asked, fixedRange, pools } = this.#options.settings;
    const bip = asked ?? (fixedRange === undefined ? undefined : firstAddressOf(fixedRange));
    const present = routes.addresses().filter(({ linkIndex }) => linkIndex === bridge.index);
    const wanted = decideBridgeSubnet({
      bip,
      live,
      present: present[0],
      recorded: record.IPAM.Config,
      used: [...this.#options.reserved, ...foreignSubnets(routes, bridge.index)],
      pools,
    });
    this.#setAddress(routes, bridge, wanted);
    const chosen = (bip === undefined || bip === '') && live.length === 0;
    if (chosen && foreignSubnets(routes, bridge.index).some((subnet) => overlaps(subnet, wanted.subnet))) {
      // Another engine chose the same at the same moment: whoever sees it gives way.
      routes.removeAddress(bridge.index, formatGateway(wanted), wanted.subnet.prefixLength);
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
  readonly pool: AddressPool;
  /** Where the containers' default route leads; undefined: to the bridge. */
  readonly defaultGateway?: string | undefined;
}

export class BridgeNetwork implements AttachableNetwork {
  readonly record: NetworkRecord;
  readonly separate = true;
  readonly publishesPorts: boolean;
  readonly interface: string;
  readonly subnet: Subnet;
  /** No route leads out of it. */
  readonly internal: boolean;
  readonly masquerade: boolean;
  readonly #parts: BridgeParts;
  readonly #pool: AddressPool;
  /** Its ports reach the bridge and nothing else. */
  readonly #isolated: boolean;
  readonly #held: DisposableStack;

  constructor(record: NetworkRecord, parts: BridgeParts, held: DisposableStack) {
    this.record = record;
    this.interface = parts.interface;
    this.subnet = parts.subnet.subnet;
    this.internal = record.Internal;
    this.publishesPorts = !record.Internal;
    this.masquerade = isSwitchedOn(record, bridgeOption.masquerade);
    this.#isolated = !isSwitchedOn(record, bridgeOption.betweenContainers);
    this.#parts = parts;
    this.#pool = parts.pool;
    this.#held = held;
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
      gateway: this.internal ? '' : (this.#parts.defaultGateway ?? formatGateway(this.#parts.subnet)),
      macAddress: request.macAddress === '' ? randomMacAddress() : macText(macBytes(request.macAddress)),
      hostInterface: `veth${randomBytes(4).toString('hex')}`,
    };
  }

  connect(endpoint: Endpoint, namespace: number, place: EndpointPlace): void {
    const { routes, announcer, bridgeIndex, mtu } = this.#parts;
    const name = place.interface;
    using inside = new RouteSocket();
    routes.createVethPair({
      hostName: endpoint.hostInterface,
      bridgeIndex,
      mtu,
      isolated: this.#isolated,
      peerName: name,
      peerMacAddress: endpoint.macAddress,
      peerNamespaceFd: namespace,
      peerAddress: endpoint.address,
    });
    disableIPv6(name);
    inside.configure({ name, address: endpoint.address, prefixLength: endpoint.prefixLength, gateway: place.defaultRoute ? endpoint.gateway : '' });
    announcer.announce(bridgeIndex, endpoint.address, endpoint.macAddress);
  }

  async disconnect(endpoint: Endpoint): Promise<void> {
    // A socket of its own: the other one must not be read while this one's answer is awaited.
    using routes = new RouteSocket();
    const link = routes.link(endpoint.hostInterface);
    if (link !== undefined) await routes.deleteLinks([link.index]);
  }

  async remove(): Promise<void> {
    if (this.record.engine?.ownsInterface !== true) return;
    using routes = new RouteSocket();
    const link = routes.link(this.interface);
    if (link?.kind === 'bridge') await routes.deleteLinks([link.index]);
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
      routes.setMaster(link.index, link.name, bridgeIndex, this.#isolated);
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
export function enableForwarding(bridge: string, forwarding = true): { loopback: boolean } {
  if (forwarding) ensureSysctl('net.ipv4.ip_forward', '1');
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
export function disableIPv6(name: string): void {
  try {
    writeSysctl(`net/ipv6/conf/${name}/disable_ipv6`, '1');
  } catch (error) {
    // A kernel without IPv6 has no such setting, and where settings are read-only the address does no harm.
    if (!isFailure(error, 'kernel.syscall_failed')) throw error;
  }
}

/** The default bridge's addresses with what the configuration says of them; while containers hold it to another subnet it has to wait. @throws network.fixed_range_outside, network.gateway_taken */
function defaultAddressing(subnet: BridgeSubnet, settings: NetworkSettings, inUse: boolean): { addressing: NetworkAddressing; pool: AddressPool; defaultGateway: string | undefined } {
  const fits = (text: string): boolean => contains(subnet.subnet, parseInterfaceAddress(text.includes('/') ? text : `${text}/32`)?.address ?? -1);
  const { fixedRange, defaultGateway } = inUse && ![settings.fixedRange, settings.defaultGateway].every((text) => text === undefined || fits(text)) ? {} : settings;
  const range = fixedRange === undefined ? undefined : parseInterfaceAddress(fixedRange)?.subnet;
  if (fixedRange !== undefined && (range === undefined || !contains(subnet.subnet, range.base) || range.prefixLength < subnet.subnet.prefixLength)) {
    throw fail('network.fixed_range_outside', { range: fixedRange, subnet: formatSubnet(subnet.subnet) });
  }
  const pool = new AddressPool(subnet.subnet, range);
  pool.claim(subnet.gateway);
  if (defaultGateway !== undefined && defaultGateway !== formatGateway(subnet)) {
    const address = parseAddress(defaultGateway);
    if (address === undefined || !pool.claim(address)) throw fail('network.default_gateway_outside', { address: defaultGateway, subnet: formatSubnet(subnet.subnet) });
  }
  return {
    addressing: {
      Subnet: formatSubnet(subnet.subnet),
      ...(fixedRange !== undefined && range !== undefined && { IPRange: formatSubnet(range) }),
      Gateway: formatGateway(subnet),
      ...(defaultGateway !== undefined && { AuxiliaryAddresses: { DefaultGatewayIPv4: defaultGateway } }),
    },
    pool,
    defaultGateway,
  };
}

/** A subnet's first address, with its prefix length. */
function firstAddressOf(subnet: string): string {
  const parsed = parseInterfaceAddress(subnet)?.subnet;
  return parsed === undefined ? subnet : `${formatAddress(parsed.base + 1)}/${parsed.prefixLength}`;
}

/** The addresses of a network as its record says; gateway and auxiliary addresses are taken. @throws network.gateway_taken, network.auxiliary_taken */
function poolOf(record: NetworkRecord): { subnet: BridgeSubnet; pool: AddressPool } {
  const config = record.IPAM.Config?.[0];
  const subnet = parseInterfaceAddress(config?.Subnet ?? '')?.subnet;
  invariant(subnet !== undefined, `network ${record.Name} has no subnet`);
  const pool = new AddressPool(subnet, parseInterfaceAddress(config?.IPRange ?? '')?.subnet);
  const asked = parseAddress(config?.Gateway ?? '');
  const gateway = asked === undefined ? pool.take() : asked;
  if (gateway === undefined || (asked !== undefined && !pool.claim(asked))) throw fail('network.gateway_taken', { address: config?.Gateway ?? formatAddress(subnet.base) });
  for (const [name, text] of Object.entries(config?.AuxiliaryAddresses ?? {})) {
    const address = parseAddress(text);
    if (address === undefined || !pool.claim(address)) throw fail('network.auxiliary_taken', { name, address: text });
  }
  return { subnet: { subnet, gateway }, pool };
}

/** Subnets that interfaces other than this one are on. */
function foreignSubnets(routes: RouteSocket, ownIndex: number): Subnet[] {
  const connected = routes.onLinkRoutes().filter(({ linkIndex }) => linkIndex !== ownIndex).map(({ destination, prefixLength }) => subnetOf(parseAddress(destination) ?? 0, prefixLength));
  const addresses = routes.addresses().filter(({ linkIndex }) => linkIndex !== ownIndex).map(({ address, prefixLength }) => subnetOf(parseAddress(address) ?? 0, prefixLength));
  return [...connected, ...addresses].filter(({ prefixLength }) => prefixLength > 0);
}
