/**
 * Networks on a Linux bridge: one veth pair per container, addresses from the bridge's subnet, which
 * reach the outside by NAT. The bridge outlives the engine.
 */
import { fail, isFailure } from '#base/errors/failure.ts';
import { ArpAnnouncer } from '#kernel/arp-announcer.ts';
import { LinkRemover } from '#kernel/netlink/link-remover.ts';
import { randomMacAddress } from '#kernel/netlink/mac-address.ts';
import { RouteSocket, type AddressFamily, type Link } from '#kernel/netlink/route-socket.ts';
import { ensureSysctl } from '#kernel/sysctl.ts';
import type { NetworkAddressing } from '#schema/network-views.ts';
import { addressingOf, defaultAddressing, firstAddressOf, foreignSubnets, type BridgeAddressing } from './bridge-addressing.ts';
import { BridgeNetwork } from './bridge-network.ts';
import { decideBridgeSubnet, formatGateway, type BridgeSubnet } from './bridge-subnet.ts';
import type { Endpoint } from './contract.ts';
import { formatAddress, overlaps } from './ipv4-subnet.ts';
import { enableBridge6, enableForwarding6 } from './ipv6-settings.ts';
import { formatAddress6, formatSubnet6, parseAddress6, parseInterfaceAddress6 } from './ipv6-subnet.ts';
import type { NetworkDriver } from './network-driver.ts';
import { bridgeOption, interfaceOf, type NetworkRecord } from './network-record.ts';
import { plainReason } from './plain-reason.ts';
import { SubnetChooser, type SubnetChooserOptions } from './subnet-chooser.ts';

export class BridgeDriver implements NetworkDriver, Disposable {
  readonly name = 'bridge';
  readonly #options: SubnetChooserOptions;
  // For all networks: to close them is dear, as the kernel waits for packets on their way.
  readonly #routes = new RouteSocket();
  readonly #announcer = new ArpAnnouncer();
  readonly #remover = new LinkRemover();
  readonly subnets: SubnetChooser;

  constructor(options: SubnetChooserOptions) {
    this.#options = options;
    this.subnets = new SubnetChooser(options, this.#routes);
  }

  /** @throws network.not_a_bridge, network.invalid_bip, network.no_subnet, network.gateway_taken, network.auxiliary_taken */
  open(record: NetworkRecord, live: readonly Endpoint[]): BridgeNetwork {
    const name = interfaceOf(record);
    const mtu = Number(record.Options[bridgeOption.mtu] ?? '1500');
    const isDefault = record.Options[bridgeOption.defaultBridge] === 'true';
    const routes = this.#routes;
    const ownsInterface = record.engine?.ownsInterface === true || routes.link(name) === undefined;
    const bridge = this.#ensureBridge(routes, name, mtu);
    let kept: NetworkRecord;
    let addressing: BridgeAddressing;
    if (isDefault) {
      const subnet = this.#ensureAddress(routes, bridge, record, live);
      const { config, four } = defaultAddressing(subnet, this.#options.settings, live.length > 0);
      const six = this.#defaultAddressing6(bridge, record);
      kept = { ...record, EnableIPv6: six !== undefined, IPAM: { ...record.IPAM, Config: six === undefined ? [config] : [config, six] } };
      const taken6 = six === undefined ? undefined : addressingOf({ ...kept, EnableIPv4: false }).six;
      addressing = { four, six: taken6 === undefined ? undefined : { ...taken6, gateway: this.#options.settings.defaultGateway6 ?? taken6.gateway } };
    } else {
      kept = { ...record, engine: { staticSubnet: record.engine?.staticSubnet === true, ownsInterface } };
      addressing = addressingOf(record);
      const { bridgeAddress, prefixLength = 0 } = addressing.four ?? {};
      this.#setAddress(routes, bridge, 4, bridgeAddress === undefined ? undefined : { address: formatAddress(bridgeAddress), prefixLength });
    }
    if (addressing.six !== undefined) {
      const { bridgeAddress, prefixLength } = addressing.six;
      enableBridge6(name);
      this.#setAddress(routes, bridge, 6, bridgeAddress === undefined ? undefined : { address: formatAddress6(bridgeAddress), prefixLength });
    }
    const network = new BridgeNetwork(kept, {
      routes,
      announcer: this.#announcer,
      remover: this.#remover,
      bridgeIndex: bridge.index,
      bridgeMacAddress: bridge.macAddress,
      interface: name,
      mtu,
      addressing,
    });
    routes.setUp(bridge.index, name);
    for (const endpoint of live) network.adopt(endpoint);
    return network;
  }

  /** A network as {@link open} wants it: its subnets chosen, where none is asked for. @throws network.no_subnet, network.gateway_taken, network.auxiliary_taken, network.no_gateway */
  complete(record: NetworkRecord, others: readonly NetworkRecord[]): NetworkRecord {
    const complete = this.subnets.complete(record, others);
    addressingOf(complete);
    return complete;
  }

  /** What the default bridge has of IPv6; undefined where that is switched off. @throws network.no_subnet */
  #defaultAddressing6(bridge: Link, record: NetworkRecord): NetworkAddressing | undefined {
    const { six, bip6, fixedRange6, defaultGateway6 } = this.#options.settings;
    if (six !== true) return undefined;
    const gateway = bip6 === undefined ? (fixedRange6 === undefined ? undefined : (parseInterfaceAddress6(fixedRange6)?.subnet.base ?? 0n) + 1n) : parseInterfaceAddress6(bip6)?.address;
    const auxiliary = defaultGateway6 === undefined || parseAddress6(defaultGateway6) === gateway ? {} : { AuxiliaryAddresses: { DefaultGatewayIPv6: defaultGateway6 } };
    const range = parseInterfaceAddress6(fixedRange6 ?? '')?.subnet;
    const own = parseInterfaceAddress6(bip6 ?? '');
    if (own !== undefined) return { Subnet: formatSubnet6(own.subnet), ...(range !== undefined && { IPRange: formatSubnet6(range) }), Gateway: formatAddress6(own.address), ...auxiliary };
    if (range !== undefined) return { Subnet: formatSubnet6(range), IPRange: formatSubnet6(range), Gateway: formatAddress6(range.base + 1n), ...auxiliary };
    const before = (record.IPAM.Config ?? []).find(({ Subnet = '' }) => Subnet.includes(':'));
    return before ?? this.subnets.choose6({ withGateway: true, others: [], ownIndex: bridge.index });
  }

  /** Gives the bridge this address of a family and no other that is not its link's own; without one it is left as it is. */
  #setAddress(routes: RouteSocket, bridge: Link, family: AddressFamily, wanted: { address: string; prefixLength: number } | undefined): void {
    if (wanted === undefined) return;
    const present = routes.addresses(family).filter(({ linkIndex, address }) => linkIndex === bridge.index && !/^fe80:/.test(address));
    const isRight = (entry: { address: string; prefixLength: number }): boolean => entry.address === wanted.address && entry.prefixLength === wanted.prefixLength;
    for (const entry of present) if (!isRight(entry)) routes.removeAddress(bridge.index, entry.address, entry.prefixLength);
    if (!present.some(isRight)) routes.addAddress(bridge.index, wanted.address, wanted.prefixLength);
  }

  #ensureBridge(routes: RouteSocket, name: string, mtu: number): Link {
    let link = routes.link(name);
    if (link === undefined) {
      try {
        routes.createBridge(name, { macAddress: randomMacAddress(), mtu });
      } catch (error) {
        if (!isFailure(error, 'kernel.syscall_failed') || error.details['errno'] === 'EEXIST') throw error;
        throw fail('network.option_unusable', { message: plainReason(error.details) }, error);
      }
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
      pools: pools?.filter(({ base }) => !base.includes(':')),
    });
    this.#setAddress(routes, bridge, 4, { address: formatGateway(wanted), prefixLength: wanted.subnet.prefixLength });
    const chosen = (bip === undefined || bip === '') && live.length === 0;
    if (chosen && foreignSubnets(routes, bridge.index).some((subnet) => overlaps(subnet, wanted.subnet))) {
      // Another engine chose the same at the same moment: whoever sees it gives way.
      routes.removeAddress(bridge.index, formatGateway(wanted), wanted.subnet.prefixLength);
      return this.#ensureAddress(routes, bridge, { ...record, IPAM: { ...record.IPAM, Config: null } }, live);
    }
    return wanted;
  }

  /** Its networks are of no use afterwards. */
  [Symbol.dispose](): void {
    this.#routes[Symbol.dispose]();
    this.#announcer[Symbol.dispose]();
  }
}

/**
 * Lets packets pass between containers and the outside, of IPv6 where asked for, and from 127.0.0.1 to published ports.
 * The latter only where the firewall translates: `translated`.
 * @returns whether it works; @throws kernel.syscall_failed when forwarding cannot be switched on
 */
export function enableForwarding(bridge: string, { forwarding = true, six = false, translated }: { forwarding?: boolean | undefined; six?: boolean; translated: boolean }): { loopback: boolean } {
  if (forwarding) ensureSysctl('net.ipv4.ip_forward', '1');
  if (forwarding && six) enableForwarding6();
  try {
    // Without the rules that guard it, containers would reach what listens at 127.0.0.1.
    ensureSysctl(`net/ipv4/conf/${bridge}/route_localnet`, translated ? '1' : '0');
    return { loopback: translated };
  } catch (error) {
    // Where /proc/sys is read-only the relays serve 127.0.0.1.
    if (!isFailure(error, 'kernel.syscall_failed')) throw error;
    return { loopback: false };
  }
}
