/** Arithmetic on IPv4 addresses and subnets; addresses are unsigned 32-bit numbers. */

export interface Subnet {
  /** The first address, all bits behind the prefix zero. */
  readonly base: number;
  readonly prefixLength: number;
}

/** Undefined when the text is no address in dotted notation. */
export function parseAddress(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let address = 0;
  for (const part of parts) {
    // No leading zeros: some programs read them as octal.
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    address = address * 256 + Number(part);
  }
  return address;
}

export function formatAddress(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** `address/length` as the address itself and the subnet it lies in. */
export function parseInterfaceAddress(text: string): { address: number; subnet: Subnet } | undefined {
  const [addressText = '', lengthText = '', ...rest] = text.split('/');
  const address = parseAddress(addressText);
  if (address === undefined || rest.length > 0 || !/^\d{1,2}$/.test(lengthText) || Number(lengthText) > 32) return undefined;
  return { address, subnet: subnetOf(address, Number(lengthText)) };
}

export function subnetOf(address: number, prefixLength: number): Subnet {
  return { base: (address & mask(prefixLength)) >>> 0, prefixLength };
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatAddress(subnet.base)}/${subnet.prefixLength}`;
}

export function subnetSize(subnet: Subnet): number {
  return 2 ** (32 - subnet.prefixLength);
}

export function contains(subnet: Subnet, address: number): boolean {
  return (address & mask(subnet.prefixLength)) >>> 0 === subnet.base;
}

export function overlaps(one: Subnet, other: Subnet): boolean {
  const length = Math.min(one.prefixLength, other.prefixLength);
  return (one.base & mask(length)) === (other.base & mask(length));
}

// A shift by 32 would be one by 0.
function mask(prefixLength: number): number {
  return prefixLength === 0 ? 0 : -1 << (32 - prefixLength);
}
