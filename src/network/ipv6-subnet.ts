/** Arithmetic on IPv6 addresses and subnets; addresses are unsigned 128-bit numbers. */
import { isIPv6 } from 'node:net';
import { ipv6Bytes, ipv6Text } from '#kernel/netlink/ipv6-bytes.ts';

export interface Subnet6 {
  /** The first address, all bits behind the prefix zero. */
  readonly base: bigint;
  readonly prefixLength: number;
}

/** Undefined when the text is no address, or one with a zone. */
export function parseAddress6(text: string): bigint | undefined {
  return isIPv6(text) && !text.includes('%') ? BigInt(`0x${ipv6Bytes(text).toString('hex')}`) : undefined;
}

export function formatAddress6(address: bigint): string {
  return ipv6Text(Buffer.from(address.toString(16).padStart(32, '0'), 'hex'));
}

/** `address/length` as the address itself and the subnet it lies in. */
export function parseInterfaceAddress6(text: string): { address: bigint; subnet: Subnet6 } | undefined {
  const [addressText = '', lengthText = '', ...rest] = text.split('/');
  const address = parseAddress6(addressText);
  if (address === undefined || rest.length > 0 || !/^\d{1,3}$/.test(lengthText) || Number(lengthText) > 128) return undefined;
  return { address, subnet: subnetOf6(address, Number(lengthText)) };
}

export function subnetOf6(address: bigint, prefixLength: number): Subnet6 {
  const rest = BigInt(128 - prefixLength);
  return { base: (address >> rest) << rest, prefixLength };
}

export function formatSubnet6({ base, prefixLength }: Subnet6): string {
  return `${formatAddress6(base)}/${prefixLength}`;
}

export function contains6({ base, prefixLength }: Subnet6, address: bigint): boolean {
  return subnetOf6(address, prefixLength).base === base;
}

export function overlaps6(one: Subnet6, other: Subnet6): boolean {
  const length = Math.min(one.prefixLength, other.prefixLength);
  return subnetOf6(one.base, length).base === subnetOf6(other.base, length).base;
}
