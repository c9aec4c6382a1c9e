/** Chooses the subnet of a network for which none is asked: the first of Docker's default pools that nothing on this machine uses. */
import type { SubnetPool } from './default-bridge.ts';
import { overlaps, parseInterfaceAddress, subnetSize, type Subnet } from './ipv4-subnet.ts';

/** What the pools are and how long the subnets cut from them are. */
const standardPools: readonly SubnetPool[] = [
  { base: '172.17.0.0/16', prefixLength: 16 },
  { base: '172.18.0.0/16', prefixLength: 16 },
  { base: '172.19.0.0/16', prefixLength: 16 },
  { base: '172.20.0.0/14', prefixLength: 16 },
  { base: '172.24.0.0/14', prefixLength: 16 },
  { base: '172.28.0.0/14', prefixLength: 16 },
  { base: '192.168.0.0/16', prefixLength: 20 },
];

/** Undefined when all are used. */
export function chooseSubnet(used: readonly Subnet[], pools: readonly SubnetPool[] = standardPools): Subnet | undefined {
  for (const candidate of candidates(pools)) {
    if (!used.some((subnet) => overlaps(subnet, candidate))) return candidate;
  }
  return undefined;
}

function* candidates(pools: readonly SubnetPool[]): Generator<Subnet> {
  for (const pool of pools) {
    const whole = parseInterfaceAddress(pool.base)?.subnet;
    if (whole === undefined) continue;
    const step = 2 ** (32 - pool.prefixLength);
    for (let offset = 0; offset < subnetSize(whole); offset += step) yield { base: whole.base + offset, prefixLength: pool.prefixLength };
  }
}
