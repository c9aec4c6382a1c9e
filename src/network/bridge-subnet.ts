/** Decides which subnet a bridge network has. Pure: what the machine has is told. */
import { fail } from '#base/errors/failure.ts';
import type { Endpoint } from './contract.ts';
import type { SubnetPool } from './default-bridge.ts';
import { contains, formatAddress, overlaps, parseAddress, parseInterfaceAddress, subnetOf, type Subnet } from './ipv4-subnet.ts';
import type { NetworkRecord } from './network-record.ts';
import { chooseSubnet } from './subnet-choice.ts';

export interface BridgeSubnet {
  readonly subnet: Subnet;
  /** The bridge's own address. */
  readonly gateway: number;
}

export interface SubnetCircumstances {
  /** `--bip`: the bridge's address with prefix length. */
  readonly bip: string | undefined;
  /** Endpoints of running containers: they keep what they have. */
  readonly live: readonly Endpoint[];
  /** The address the interface has already. */
  readonly present: { readonly address: string; readonly prefixLength: number } | undefined;
  readonly recorded: NetworkRecord['IPAM']['Config'];
  /** Subnets that other interfaces, name servers and networks use. */
  readonly used: readonly Subnet[];
  /** Undefined: Docker's. */
  readonly pools?: readonly SubnetPool[] | undefined;
}

/** @throws network.invalid_bip, network.no_subnet */
export function decideBridgeSubnet(circumstances: SubnetCircumstances): BridgeSubnet {
  const { bip, live, present, recorded, used, pools } = circumstances;
  const asked = bip === undefined || bip === '' ? undefined : parseBip(bip);
  const kept = live.map(({ gateway, prefixLength }) => fromAddress(gateway, prefixLength)).find((subnet) => subnet !== undefined);
  if (kept !== undefined) return kept;
  if (asked !== undefined) return asked;
  const here = present === undefined ? undefined : fromAddress(present.address, present.prefixLength);
  if (here !== undefined) return here;
  const before = fromRecord(recorded);
  if (before !== undefined && !used.some((subnet) => overlaps(subnet, before.subnet))) return before;
  const subnet = chooseSubnet(used, pools);
  if (subnet === undefined) throw fail('network.no_subnet');
  return { subnet, gateway: subnet.base + 1 };
}

function parseBip(bip: string): BridgeSubnet {
  const parsed = parseInterfaceAddress(bip);
  // At least the bridge and one container must find room.
  if (parsed === undefined || parsed.subnet.prefixLength > 30 || parsed.subnet.prefixLength < 8 || parsed.address === parsed.subnet.base) throw fail('network.invalid_bip', { bip });
  return { subnet: parsed.subnet, gateway: parsed.address };
}

function fromAddress(text: string, prefixLength: number): BridgeSubnet | undefined {
  const gateway = parseAddress(text);
  return gateway === undefined ? undefined : { subnet: subnetOf(gateway, prefixLength), gateway };
}

function fromRecord(recorded: NetworkRecord['IPAM']['Config']): BridgeSubnet | undefined {
  const parsed = parseInterfaceAddress(recorded?.[0]?.Subnet ?? '');
  const gateway = parseAddress(recorded?.[0]?.Gateway ?? '');
  return parsed === undefined || gateway === undefined || !contains(parsed.subnet, gateway) ? undefined : { subnet: parsed.subnet, gateway };
}

export function formatGateway(subnet: BridgeSubnet): string {
  return formatAddress(subnet.gateway);
}
