/** Chooses the IPv6 subnet of a network for which none is asked: from the configured pools, else of a prefix that is this engine's alone (RFC 4193). */
import { createHash } from 'node:crypto';
import type { SubnetPool } from './default-bridge.ts';
import { overlaps6, parseInterfaceAddress6, subnetOf6, type Subnet6 } from './ipv6-subnet.ts';

/** The engine's own 65536 subnets; as in Docker the global identifier is made from what tells engines apart. */
export function uniqueLocalPool(engine: string): SubnetPool {
  const identifier = createHash('sha256').update(engine).digest('hex').slice(-10);
  return { base: `fd${identifier.slice(0, 2)}:${identifier.slice(2, 6)}:${identifier.slice(6)}::/48`, prefixLength: 64 };
}

/** Undefined when all are used. */
export function chooseSubnet6(used: readonly Subnet6[], pools: readonly SubnetPool[]): Subnet6 | undefined {
  for (const { base, prefixLength } of pools) {
    const whole = parseInterfaceAddress6(base)?.subnet;
    if (whole === undefined) continue;
    const end = whole.base + (1n << BigInt(128 - whole.prefixLength));
    const step = 1n << BigInt(128 - prefixLength);
    for (let candidate = subnetOf6(whole.base, prefixLength); candidate.base < end;) {
      const obstacle = used.find((subnet) => overlaps6(subnet, candidate));
      if (obstacle === undefined) return candidate;
      // Behind a larger one all at once.
      const behind = obstacle.base + (1n << BigInt(128 - obstacle.prefixLength));
      candidate = behind > candidate.base + step ? subnetOf6(behind, prefixLength) : { base: candidate.base + step, prefixLength };
    }
  }
  return undefined;
}
