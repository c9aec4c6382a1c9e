/** The subnets of a bridge network and the addresses in them, by its record and the daemon's configuration. */
import { fail } from '#base/errors/failure.ts';
import type { RouteSocket } from '#kernel/netlink/route-socket.ts';
import type { NetworkAddressing } from '#schema/network-views.ts';
import { AddressPool } from './address-pool.ts';
import { AddressPool6 } from './address-pool6.ts';
import { formatGateway, type BridgeSubnet } from './bridge-subnet.ts';
import type { NetworkSettings } from './default-bridge.ts';
import { gatewayModeOf } from './gateway-mode.ts';
import { contains, formatAddress, formatSubnet, parseAddress, parseInterfaceAddress, subnetOf, type Subnet } from './ipv4-subnet.ts';
import { contains6, formatAddress6, formatSubnet6, parseAddress6, parseInterfaceAddress6, subnetOf6, type Subnet6 } from './ipv6-subnet.ts';
import { bridgeOption, isSwitchedOn, type NetworkRecord } from './network-record.ts';

/** What one family has of a bridge network. `P` is its pool, `A` an address. */
interface FamilyAddressing<P, A> {
  readonly pool: P;
  readonly prefixLength: number;
  readonly subnetText: string;
  /** Of the bridge; undefined: it has none. */
  readonly bridgeAddress: A | undefined;
  /** Where containers' default routes lead; empty: nowhere. */
  readonly gateway: string;
}

export type Addressing4 = FamilyAddressing<AddressPool, number>;
export type Addressing6 = FamilyAddressing<AddressPool6, bigint>;

export interface BridgeAddressing {
  readonly four: Addressing4 | undefined;
  readonly six: Addressing6 | undefined;
}

/** The addresses of a network as its record says; gateway and auxiliary addresses are taken. @throws network.gateway_taken, network.auxiliary_taken, network.no_gateway */
export function addressingOf(record: NetworkRecord): BridgeAddressing {
  const configs = record.IPAM.Config ?? [];
  const configOf = (family: 4 | 6): NetworkAddressing | undefined => configs.find(({ Subnet = '' }) => Subnet.includes(':') === (family === 6));
  return {
    four: record.EnableIPv4 ? addressing4(record, configOf(4) ?? {}) : undefined,
    six: record.EnableIPv6 ? addressing6(record, configOf(6) ?? {}) : undefined,
  };
}

function addressing4(record: NetworkRecord, config: NetworkAddressing): Addressing4 | undefined {
  const subnet = parseInterfaceAddress(config.Subnet ?? '')?.subnet;
  if (subnet === undefined) return undefined;
  const pool = new AddressPool(subnet, parseInterfaceAddress(config.IPRange ?? '')?.subnet);
  const gateway = takeGateway(record, 4, config, { parse: parseAddress, pool });
  for (const [name, text] of Object.entries(config.AuxiliaryAddresses ?? {})) {
    const address = parseAddress(text);
    if (address === undefined || !pool.claim(address)) throw fail('network.auxiliary_taken', { name, address: text });
  }
  const inhibited = record.Options[bridgeOption.inhibitAddress] !== undefined && isSwitchedOn(record, bridgeOption.inhibitAddress);
  return {
    pool,
    prefixLength: subnet.prefixLength,
    subnetText: formatSubnet(subnet),
    bridgeAddress: inhibited ? undefined : gateway,
    gateway: record.Internal || gateway === undefined ? '' : formatAddress(gateway),
  };
}

function addressing6(record: NetworkRecord, config: NetworkAddressing): Addressing6 | undefined {
  const subnet = parseInterfaceAddress6(config.Subnet ?? '')?.subnet;
  if (subnet === undefined) return undefined;
  const pool = new AddressPool6(subnet, parseInterfaceAddress6(config.IPRange ?? '')?.subnet);
  const gateway = takeGateway(record, 6, config, { parse: parseAddress6, pool });
  for (const [name, text] of Object.entries(config.AuxiliaryAddresses ?? {})) {
    const address = parseAddress6(text);
    if (address === undefined || !pool.claim(address)) throw fail('network.auxiliary_taken', { name, address: text });
  }
  return {
    pool,
    prefixLength: subnet.prefixLength,
    subnetText: formatSubnet6(subnet),
    bridgeAddress: gateway,
    gateway: record.Internal || gateway === undefined ? '' : formatAddress6(gateway),
  };
}

/** The gateway's address, taken; undefined in mode `isolated`, where there is none. */
function takeGateway<A>(record: NetworkRecord, family: 4 | 6, config: NetworkAddressing, { parse, pool }: { parse: (text: string) => A | undefined; pool: { take(): A | undefined; claim(address: A): boolean } }): A | undefined {
  if (gatewayModeOf(record, family) === 'isolated') return undefined;
  const asked = parse(config.Gateway ?? '');
  if (asked === undefined) {
    const taken = pool.take();
    if (taken === undefined) throw fail('network.no_gateway');
    return taken;
  }
  if (!pool.claim(asked)) throw fail('network.gateway_taken', { address: config.Gateway ?? '' });
  return asked;
}

/** The default bridge's IPv4 addresses with what the configuration says of them; while containers hold it to another subnet it has to wait. @throws network.fixed_range_outside, network.default_gateway_outside */
export function defaultAddressing(subnet: BridgeSubnet, settings: NetworkSettings, inUse: boolean): { config: NetworkAddressing; four: Addressing4 } {
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
    config: {
      Subnet: formatSubnet(subnet.subnet),
      ...(fixedRange !== undefined && range !== undefined && { IPRange: formatSubnet(range) }),
      Gateway: formatGateway(subnet),
      ...(defaultGateway !== undefined && { AuxiliaryAddresses: { DefaultGatewayIPv4: defaultGateway } }),
    },
    four: {
      pool,
      prefixLength: subnet.subnet.prefixLength,
      subnetText: formatSubnet(subnet.subnet),
      bridgeAddress: subnet.gateway,
      gateway: defaultGateway ?? formatGateway(subnet),
    },
  };
}

/** Subnets that interfaces other than this one are on. */
export function foreignSubnets(routes: RouteSocket, ownIndex: number): Subnet[] {
  const connected = routes.onLinkRoutes().filter(({ linkIndex }) => linkIndex !== ownIndex).map(({ destination, prefixLength }) => subnetOf(parseAddress(destination) ?? 0, prefixLength));
  const addresses = routes.addresses().filter(({ linkIndex }) => linkIndex !== ownIndex).map(({ address, prefixLength }) => subnetOf(parseAddress(address) ?? 0, prefixLength));
  return [...connected, ...addresses].filter(({ prefixLength }) => prefixLength > 0);
}

/** As {@link foreignSubnets}, of IPv6; every link has its own link-local addresses. */
export function foreignSubnets6(routes: RouteSocket, ownIndex: number): Subnet6[] {
  const linkLocal = subnetOf6(0xfe80n << 112n, 10);
  const entries = [...routes.onLinkRoutes(6).map(({ linkIndex, destination, prefixLength }) => ({ linkIndex, address: destination, prefixLength })), ...routes.addresses(6)];
  return entries.filter(({ linkIndex }) => linkIndex !== ownIndex)
    .map(({ address, prefixLength }) => subnetOf6(parseAddress6(address) ?? 0n, prefixLength))
    .filter((subnet) => subnet.prefixLength > 0 && !contains6(linkLocal, subnet.base));
}

/** A subnet's first address, with its prefix length. */
export function firstAddressOf(subnet: string): string {
  const parsed = parseInterfaceAddress(subnet)?.subnet;
  return parsed === undefined ? subnet : `${formatAddress(parsed.base + 1)}/${parsed.prefixLength}`;
}
