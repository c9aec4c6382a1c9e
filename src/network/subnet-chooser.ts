/** Gives networks that ask for no subnet of a family one that nothing on this machine uses. */
import { fail } from '#base/errors/failure.ts';
import type { RouteSocket } from '#kernel/netlink/route-socket.ts';
import type { NetworkAddressing } from '#schema/network-views.ts';
import { foreignSubnets, foreignSubnets6 } from './bridge-addressing.ts';
import type { NetworkSettings } from './default-bridge.ts';
import { gatewayModeOf } from './gateway-mode.ts';
import { formatAddress, formatSubnet, parseInterfaceAddress, type Subnet } from './ipv4-subnet.ts';
import { formatAddress6, formatSubnet6, parseInterfaceAddress6 } from './ipv6-subnet.ts';
import type { NetworkRecord } from './network-record.ts';
import { chooseSubnet } from './subnet-choice.ts';
import { chooseSubnet6, uniqueLocalPool } from './subnet-choice6.ts';

export interface SubnetChooserOptions {
  readonly settings: NetworkSettings;
  /** Subnets of name servers and other networks, never chosen. */
  readonly reserved: readonly Subnet[];
  /** What tells this engine apart from others; its subnets of IPv6 are made from it. */
  readonly engine: string;
}

export class SubnetChooser {
  readonly #options: SubnetChooserOptions;
  readonly #routes: RouteSocket;

  constructor(options: SubnetChooserOptions, routes: RouteSocket) {
    this.#options = options;
    this.#routes = routes;
  }

  /** The network with a subnet of each of its families, those that were asked for first. @throws network.no_subnet */
  complete(record: NetworkRecord, others: readonly NetworkRecord[]): NetworkRecord {
    const asked = record.IPAM.Config ?? [];
    const of = (family: 4 | 6): NetworkAddressing[] => asked.filter(({ Subnet = '' }) => Subnet.includes(':') === (family === 6));
    const chosen4 = !record.EnableIPv4 || of(4).length > 0 ? [] : [this.#choose4(gatewayModeOf(record, 4) !== 'isolated', others)];
    const chosen6 = !record.EnableIPv6 || of(6).length > 0 ? [] : [this.choose6({ withGateway: gatewayModeOf(record, 6) !== 'isolated', others })];
    const config = [...of(4), ...of(6), ...chosen4, ...chosen6];
    return { ...record, IPAM: { ...record.IPAM, Config: config.length === 0 ? null : config } };
  }

  /** @param wanted.ownIndex an interface whose subnets may be chosen again. @throws network.no_subnet */
  choose6(wanted: { withGateway: boolean; others: readonly NetworkRecord[]; ownIndex?: number }): NetworkAddressing {
    const taken = subnetsOf(wanted.others).flatMap((text) => parseInterfaceAddress6(text)?.subnet ?? []);
    const configured = (this.#options.settings.pools ?? []).filter(({ base }) => base.includes(':'));
    const subnet = chooseSubnet6([...taken, ...foreignSubnets6(this.#routes, wanted.ownIndex ?? 0)], configured.length > 0 ? configured : [uniqueLocalPool(this.#options.engine)]);
    if (subnet === undefined) throw fail('network.no_subnet');
    return { Subnet: formatSubnet6(subnet), ...(wanted.withGateway && { Gateway: formatAddress6(subnet.base + 1n) }) };
  }

  #choose4(withGateway: boolean, others: readonly NetworkRecord[]): NetworkAddressing {
    const { reserved, settings } = this.#options;
    const taken = subnetsOf(others).flatMap((text) => parseInterfaceAddress(text)?.subnet ?? []);
    const subnet = chooseSubnet([...reserved, ...taken, ...foreignSubnets(this.#routes, 0)], settings.pools?.filter(({ base }) => !base.includes(':')));
    if (subnet === undefined) throw fail('network.no_subnet');
    return { Subnet: formatSubnet(subnet), ...(withGateway && { Gateway: formatAddress(subnet.base + 1) }) };
  }
}

function subnetsOf(records: readonly NetworkRecord[]): string[] {
  return records.flatMap(({ IPAM }) => (IPAM.Config ?? []).map(({ Subnet = '' }) => Subnet));
}
