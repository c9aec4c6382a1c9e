/** How much of a network's subnets is in use, for `inspect`. */
import type { NetworkInspect, SubnetUsage } from '#schema/network-views.ts';
import { formatSubnet, parseAddress, parseInterfaceAddress, subnetSize } from './ipv4-subnet.ts';
import { formatSubnet6, parseAddress6, parseInterfaceAddress6 } from './ipv6-subnet.ts';

/** A run of addresses, the last one included. */
interface Span {
  readonly first: bigint;
  readonly last: bigint;
}

interface CountedSubnet extends Span {
  readonly text: string;
  /** From which addresses are given that nobody asked for. */
  readonly range: Span;
  /** Addresses that are nobody's. */
  readonly edges: readonly bigint[];
  parse(text: string): bigint | undefined;
}

/** By subnet. Gateways, auxiliary addresses and those that have a meaning of their own count as in use, as with Docker. */
export function subnetUsage({ IPAM, Containers }: Pick<NetworkInspect, 'IPAM' | 'Containers'>): Record<string, SubnetUsage> {
  const endpoints = Object.values(Containers).flatMap(({ IPv4Address, IPv6Address }) => [IPv4Address, IPv6Address]).map((text) => text.replace(/\/\d+$/, ''));
  const counted = (IPAM.Config ?? []).flatMap(({ Subnet = '', IPRange = '', Gateway = '', AuxiliaryAddresses = {} }) => {
    const subnet = Subnet.includes(':') ? subnet6(Subnet, IPRange) : subnet4(Subnet, IPRange);
    if (subnet === undefined) return [];
    const given = [Gateway, ...Object.values(AuxiliaryAddresses), ...endpoints].flatMap((text) => subnet.parse(text.replace(/\/\d+$/, '')) ?? []);
    const used = [...new Set([...subnet.edges, ...given])].filter((address) => holds(subnet, address));
    const free = subnet.range.last - subnet.range.first + 1n - BigInt(used.filter((address) => holds(subnet.range, address)).length);
    return [[subnet.text, { IPsInUse: used.length, DynamicIPsAvailable: Number(free < largestTold ? free : largestTold) }] as const];
  });
  return Object.fromEntries(counted);
}

/** Beyond it JSON's readers are no longer exact. */
const largestTold = BigInt(Number.MAX_SAFE_INTEGER);

function subnet4(text: string, rangeText: string): CountedSubnet | undefined {
  const subnet = parseInterfaceAddress(text)?.subnet;
  if (subnet === undefined) return undefined;
  const spanOf = (part: typeof subnet): Span => ({ first: BigInt(part.base), last: BigInt(part.base + subnetSize(part) - 1) });
  const whole = spanOf(subnet);
  const parse = (address: string): bigint | undefined => (address.includes(':') ? undefined : wide(parseAddress(address)));
  // Two addresses or one have neither network nor broadcast address (RFC 3021).
  return { ...whole, text: formatSubnet(subnet), range: spanOf(parseInterfaceAddress(rangeText)?.subnet ?? subnet), edges: subnetSize(subnet) > 2 ? [whole.first, whole.last] : [], parse };
}

function subnet6(text: string, rangeText: string): CountedSubnet | undefined {
  const subnet = parseInterfaceAddress6(text)?.subnet;
  if (subnet === undefined) return undefined;
  const spanOf = (part: typeof subnet): Span => ({ first: part.base, last: part.base + (1n << BigInt(128 - part.prefixLength)) - 1n });
  const parse = (address: string): bigint | undefined => (address.includes(':') ? parseAddress6(address) : undefined);
  return { ...spanOf(subnet), text: formatSubnet6(subnet), range: spanOf(parseInterfaceAddress6(rangeText)?.subnet ?? subnet), edges: [subnet.base], parse };
}

function wide(address: number | undefined): bigint | undefined {
  return address === undefined ? undefined : BigInt(address);
}

function holds({ first, last }: Span, address: bigint): boolean {
  return address >= first && address <= last;
}
