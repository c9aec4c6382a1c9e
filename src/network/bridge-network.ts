/** A network on a Linux bridge, as containers are attached to it: one veth pair per container, addresses from the bridge's subnets. */
import { randomBytes } from 'node:crypto';
import { fail, isFailure } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import type { ArpAnnouncer } from '#kernel/arp-announcer.ts';
import type { LinkRemover } from '#kernel/netlink/link-remover.ts';
import { macBytes, macText, randomMacAddress } from '#kernel/netlink/mac-address.ts';
import { RouteSocket } from '#kernel/netlink/route-socket.ts';
import type { BridgeAddressing } from './bridge-addressing.ts';
import type { Endpoint } from './contract.ts';
import type { FirewallBridge } from './firewall-ruleset.ts';
import { gatewayModeOf, type GatewayMode } from './gateway-mode.ts';
import { switchIPv6 } from './ipv6-settings.ts';
import { formatAddress, parseAddress } from './ipv4-subnet.ts';
import { formatAddress6, parseAddress6 } from './ipv6-subnet.ts';
import { addLinkLocalAddresses } from './link-local-addresses.ts';
import type { AttachableNetwork, EndpointPlace, EndpointRequest } from './network-driver.ts';
import { bridgeOption, isSwitchedOn, type NetworkRecord } from './network-record.ts';

/** Names of the host's ends; others' interfaces may be ports of the bridge too and are left alone. */
const vethName = /^veth[0-9a-f]{7,8}$/;

/** What a {@link BridgeNetwork} works with; sockets are the driver's. */
export interface BridgeParts {
  readonly routes: RouteSocket;
  readonly announcer: ArpAnnouncer;
  readonly remover: LinkRemover;
  readonly bridgeIndex: number;
  readonly bridgeMacAddress: string;
  readonly interface: string;
  readonly mtu: number;
  readonly addressing: BridgeAddressing;
}

export class BridgeNetwork implements AttachableNetwork {
  readonly record: NetworkRecord;
  readonly separate = true;
  readonly publishesPorts: boolean;
  readonly interface: string;
  readonly #parts: BridgeParts;
  readonly #addressing: BridgeAddressing;
  /** Its ports reach the bridge and nothing else. */
  readonly #isolated: boolean;

  constructor(record: NetworkRecord, parts: BridgeParts) {
    this.record = record;
    this.interface = parts.interface;
    this.publishesPorts = !record.Internal;
    this.#isolated = !isSwitchedOn(record, bridgeOption.betweenContainers);
    this.#parts = parts;
    this.#addressing = parts.addressing;
  }

  get hasSix(): boolean {
    return this.#addressing.six !== undefined;
  }

  gatewayMode(family: 4 | 6): GatewayMode {
    return gatewayModeOf(this.record, family);
  }

  /** Interfaces of the host from which published ports can be reached at the containers' own addresses. */
  get trustedInterfaces(): string[] {
    return (this.record.Options[bridgeOption.trustedInterfaces] ?? '').split(':').filter((name) => name !== '');
  }

  /** What the firewall has to know of it. */
  get firewall(): FirewallBridge {
    const masquerade = isSwitchedOn(this.record, bridgeOption.masquerade);
    const family = (addressing: { subnetText: string } | undefined, version: 4 | 6, sourceOption: string): FirewallBridge['four'] => {
      if (addressing === undefined) return undefined;
      const mode = gatewayModeOf(this.record, version);
      return { subnet: addressing.subnetText, mode, masquerade: masquerade && mode !== 'routed', source: this.record.Options[sourceOption] ?? '' };
    };
    return {
      interface: this.interface,
      internal: this.record.Internal,
      apart: this.#isolated,
      trusted: this.trustedInterfaces,
      four: family(this.#addressing.four, 4, bridgeOption.sourceAddress),
      six: family(this.#addressing.six, 6, bridgeOption.sourceAddress6),
    };
  }

  reserve(request: EndpointRequest): Endpoint {
    const { four, six } = this.#addressing;
    using taken = new DisposableStack();
    const address = four === undefined ? '' : this.#takeFour(four, request.address, taken);
    const address6 = six === undefined ? '' : this.#takeSix(six, request.address6 ?? '', taken);
    taken.move();
    return {
      id: newIdentifier(),
      networkId: this.record.Id,
      driver: this.record.Driver,
      address,
      prefixLength: four?.prefixLength ?? 0,
      gateway: four?.gateway ?? '',
      ...(six !== undefined && { six: { address: address6, prefixLength: six.prefixLength, gateway: six.gateway } }),
      macAddress: request.macAddress === '' ? randomMacAddress() : macText(macBytes(request.macAddress)),
      hostInterface: this.#freeName(),
    };
  }

  /** With as many digits as Docker's have. */
  #freeName(): string {
    for (;;) {
      const name = `veth${randomBytes(4).toString('hex').slice(0, 7)}`;
      if (this.#parts.routes.link(name) === undefined) return name;
    }
  }

  #takeFour({ pool }: NonNullable<BridgeAddressing['four']>, asked: string, taken: DisposableStack): string {
    const wanted = parseAddress(asked);
    const address = asked === '' ? pool.take() : wanted;
    if (address === undefined) throw fail('network.no_address', { network: this.record.Name, id: this.record.Id });
    if (asked !== '' && !pool.claim(address)) throw fail('network.address_in_use', { address: asked });
    taken.defer(() => pool.release(address));
    return formatAddress(address);
  }

  #takeSix({ pool }: NonNullable<BridgeAddressing['six']>, asked: string, taken: DisposableStack): string {
    const wanted = parseAddress6(asked);
    const address = asked === '' ? pool.take() : wanted;
    if (address === undefined) throw fail('network.no_address', { network: this.record.Name, id: this.record.Id, six: true });
    if (asked !== '' && !pool.claim(address)) throw fail('network.address_in_use', { address: asked });
    taken.defer(() => pool.release(address));
    return formatAddress6(address);
  }

  connect(endpoint: Endpoint, namespace: number, place: EndpointPlace): void {
    const { routes, announcer, bridgeIndex, bridgeMacAddress, mtu } = this.#parts;
    const name = place.interface;
    refuseInterfaceName(endpoint.hostInterface, name);
    const { six } = endpoint;
    const addresses = [endpoint.address, six?.address ?? ''].filter((address) => address !== '');
    using inside = new RouteSocket();
    try {
      routes.createVethPair({
        hostName: endpoint.hostInterface,
        bridgeIndex,
        mtu,
        isolated: this.#isolated,
        peerName: name,
        peerMacAddress: endpoint.macAddress,
        peerNamespaceFd: namespace,
        peerAddresses: addresses,
      });
    } catch (error) {
      throw asDockerTells(error, endpoint, { name, taken: inside.link(name) !== undefined });
    }
    switchIPv6(name, six !== undefined);
    inside.configure({
      name,
      places: [
        ...(endpoint.address === '' ? [] : [{ address: endpoint.address, prefixLength: endpoint.prefixLength, gateway: place.defaultRoute ? endpoint.gateway : '' }]),
        ...(six === undefined ? [] : [{ ...six, gateway: place.defaultRoute6 === true ? six.gateway : '', gatewayMacAddress: this.#isGateway6(six.gateway) ? bridgeMacAddress : undefined }]),
      ],
    });
    addLinkLocalAddresses(inside, name, endpoint);
    for (const address of addresses) announcer.announce(bridgeIndex, address, endpoint.macAddress);
  }

  #isGateway6(address: string): boolean {
    const own = this.#addressing.six?.bridgeAddress;
    return own !== undefined && formatAddress6(own) === address;
  }

  async disconnect(endpoint: Endpoint): Promise<void> {
    const link = this.#parts.routes.link(endpoint.hostInterface);
    if (link !== undefined) await this.#parts.remover.remove(link.index);
  }

  async remove(): Promise<void> {
    if (this.record.engine?.ownsInterface !== true) return;
    const link = this.#parts.routes.link(this.interface);
    if (link?.kind === 'bridge') await this.#parts.remover.remove(link.index);
  }

  release(endpoint: Endpoint): void {
    const address = parseAddress(endpoint.address);
    if (address !== undefined) this.#addressing.four?.pool.release(address);
    const six = parseAddress6(endpoint.six?.address ?? '');
    if (six !== undefined) this.#addressing.six?.pool.release(six);
  }

  /** Counts a live container's addresses as taken and makes its interface a port of the bridge again, should the bridge have been made anew. */
  adopt(endpoint: Endpoint): void {
    const address = parseAddress(endpoint.address);
    if (address !== undefined) this.#addressing.four?.pool.claim(address);
    const six = parseAddress6(endpoint.six?.address ?? '');
    if (six !== undefined) this.#addressing.six?.pool.claim(six);
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

  /** It has nothing of its own but what is the kernel's. */
  [Symbol.dispose](): void {}
}

/** What the kernel says of a new pair of interfaces, in the words of Docker, which makes them step by step. */
function asDockerTells(error: unknown, { hostInterface, macAddress }: Endpoint, inside: { readonly name: string; readonly taken: boolean }): unknown {
  if (!isFailure(error, 'kernel.syscall_failed')) return error;
  const told = (reason: string): Error => fail('network.interface_failed', { interface: hostInterface, reason }, error);
  if (error.details['errno'] === 'EADDRNOTAVAIL') return told(`error setting interface "${hostInterface}" MAC to "${macAddress}": cannot assign requested address`);
  if (inside.taken) return told(`error renaming interface "${hostInterface}" to "${inside.name}": file exists`);
  return error;
}

/** The kernel's rules for names, told as Docker does. */
function refuseInterfaceName(hostInterface: string, name: string): void {
  const reason = Buffer.byteLength(name) > 15 ? 'numerical result out of range' : /[\s/:]/.test(name) || name === '.' || name === '..' ? 'invalid argument' : undefined;
  if (reason !== undefined) throw fail('network.interface_failed', { interface: hostInterface, reason: `error renaming interface "${hostInterface}" to "${name}": ${reason}` });
}
