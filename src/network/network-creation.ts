/** Turns the body of `POST /networks/create` into a network's record, or refuses it with Docker's texts. Pure. */
import { isIP } from 'node:net';
import { fail } from '#base/errors/failure.ts';
import { parseGoBoolean } from '#base/go-boolean.ts';
import { newIdentifier } from '#base/identifier.ts';
import { timestampNow } from '#base/timestamp.ts';
import type { NetworkAddressing, NetworkCreateRequest } from '#schema/network-views.ts';
import { refuseAsConfiguration, requestFromConfiguration } from './configuration-networks.ts';
import { gatewayModes } from './gateway-mode.ts';
import { contains, formatSubnet, overlaps, parseAddress, parseInterfaceAddress } from './ipv4-subnet.ts';
import { contains6, formatSubnet6, overlaps6, parseAddress6, parseInterfaceAddress6 } from './ipv6-subnet.ts';
import { bridgeOption, isPredefined, newNetworkRecord, type NetworkRecord } from './network-record.ts';

const interfaceNameLimit = 15;
const truthValues = new Set(['1', 't', 'T', 'true', 'TRUE', 'True', '0', 'f', 'F', 'false', 'FALSE', 'False']);
const switches: readonly string[] = [bridgeOption.betweenContainers, bridgeOption.masquerade, bridgeOption.inhibitAddress, bridgeOption.defaultBridge];

/** Everything that can be checked without knowing the machine. @throws network.name_invalid and the like */
export function recordFromRequest(asked: NetworkCreateRequest, networks: readonly NetworkRecord[]): NetworkRecord {
  if (isPredefined(asked.Name) || asked.Name === 'default') throw fail('network.name_predefined', { name: asked.Name });
  let request = withEnabledFamilies(asked);
  if (request.Name.trim() === '') throw fail('network.name_invalid', { reason: 'name is empty' });
  validateAddressing(request.IPAM?.Config ?? [], request.EnableIPv6 === true);
  if (request.ConfigOnly) refuseAsConfiguration(request);
  if (request.Driver === 'overlay') throw fail('network.no_swarm');
  if (request.Scope === 'swarm') throw fail('network.swarm_scope');
  if (networks.some(({ Name }) => Name === request.Name)) throw fail('network.name_taken', { name: request.Name });
  if (request.Ingress) throw fail('network.ingress_scope');
  if (request.ConfigOnly) return configurationRecord(request);
  request = requestFromConfiguration(request, networks);
  const others = networks.filter(({ ConfigOnly }) => !ConfigOnly);
  const driver = request.Driver === '' ? 'bridge' : request.Driver;
  refuseDriver(driver);
  const ipamDriver = request.IPAM?.Driver ?? '';
  if (ipamDriver === 'null') throw fail((request.IPAM?.Config ?? []).length === 0 ? 'network.null_addressing' : 'network.null_addressing_pool');
  if (ipamDriver !== '' && ipamDriver !== 'default') throw fail('network.driver_missing', { driver: ipamDriver });
  const options = byKey(request.Options);
  if (driver === 'bridge') validateOptions(options);
  const enabled = { 4: request.EnableIPv4 !== false, 6: request.EnableIPv6 === true };
  if (driver === 'bridge' && !enabled[4] && !enabled[6]) throw fail('network.option_invalid', { message: 'IPv4 or IPv6 must be enabled' });
  if (driver === 'bridge') refuseSourceAddress(options, enabled);
  if (driver === 'bridge' && !request.Internal && [bridgeOption.gatewayMode, bridgeOption.gatewayMode6].some((option) => options[option] === 'isolated')) throw fail('network.isolated_outside');
  const config = request.IPAM?.Config ?? [];
  for (const family of [4, 6] as const) {
    const own = config.filter((addressing) => enabled[family] && familyOf(addressing) === family);
    if (own.length > 1 && driver === 'bridge') throw fail('network.several_subnets');
    for (const addressing of own) refuseOverlap(addressing, others);
  }
  return {
    ...newNetworkRecord({ name: request.Name, id: newIdentifier(), driver, created: timestampNow(), options }),
    IPAM: { Driver: 'default', Options: request.IPAM?.Options ? byKey(request.IPAM.Options) : null, Config: config.length === 0 ? null : config.map(withSortedAddresses) },
    EnableIPv4: enabled[4],
    EnableIPv6: enabled[6],
    Internal: request.Internal,
    Attachable: request.Attachable,
    Labels: byKey(request.Labels),
    ConfigFrom: { Network: request.ConfigFrom?.Network ?? '' },
    ...(request.Scope !== '' && { Scope: request.Scope }),
    engine: { staticSubnet: config.length > 0, ownsInterface: true },
  };
}

/** The driver options that enable families count where the request says nothing of them itself. @throws network.option_invalid */
function withEnabledFamilies(request: NetworkCreateRequest): NetworkCreateRequest {
  const options = { ...request.Options };
  const read = (asked: boolean | null, option: string): boolean | null => {
    const value = options[option];
    if (asked !== null) delete options[option];
    if (asked !== null || value === undefined) return asked;
    const enabled = parseGoBoolean(value);
    if (enabled === undefined) throw fail('network.option_invalid', { message: `driver-opt ${JSON.stringify(option)} is not a valid bool` });
    return enabled;
  };
  return { ...request, EnableIPv4: read(request.EnableIPv4, bridgeOption.enable), EnableIPv6: read(request.EnableIPv6, bridgeOption.enable6), Options: request.Options === null ? null : options };
}

/** A network that has no interfaces, for others to be made from. */
function configurationRecord(request: NetworkCreateRequest): NetworkRecord {
  const { IPAM } = request;
  const config = IPAM?.Config ?? [];
  return {
    ...newNetworkRecord({ name: request.Name, id: newIdentifier(), driver: 'null', created: timestampNow(), options: byKey(request.Options) }),
    EnableIPv4: request.EnableIPv4 ?? true,
    EnableIPv6: request.EnableIPv6 ?? false,
    IPAM: { Driver: IPAM === null || IPAM.Driver === '' ? 'default' : IPAM.Driver, Options: IPAM?.Options ? byKey(IPAM.Options) : null, Config: config.length === 0 ? null : config.map(withSortedAddresses) },
    Labels: byKey(request.Labels),
    ConfigOnly: true,
  };
}

/** As Docker's documents have every map: in the order of its keys. */
function byKey(map: Readonly<Record<string, string>> | null): Record<string, string> {
  return Object.fromEntries(Object.entries(map ?? {}).sort(([one], [other]) => (one < other ? -1 : 1)));
}

function withSortedAddresses({ AuxiliaryAddresses, ...addressing }: NetworkAddressing): NetworkAddressing {
  return { ...addressing, ...(AuxiliaryAddresses !== undefined && { AuxiliaryAddresses: byKey(AuxiliaryAddresses) }) };
}

/** What leaves the network must be able to have the address. */
function refuseSourceAddress(options: Readonly<Record<string, string>>, enabled: Readonly<Record<4 | 6, boolean>>): void {
  for (const [option, family] of [[bridgeOption.sourceAddress, 4], [bridgeOption.sourceAddress6, 6]] as const) {
    const address = options[option];
    if (address !== undefined && enabled[family] && isIP(address) !== family) throw fail('network.option_invalid', { message: `invalid ${option} value: ${address}: it must be an address of IPv${family}` });
  }
}

function refuseDriver(driver: string): void {
  switch (driver) {
    case 'bridge':
    case 'macvlan':
    case 'ipvlan':
      return;
    case 'host':
    case 'null':
      throw fail('network.driver_single', { driver });
    default:
      throw fail('network.driver_missing', { driver });
  }
}

function validateOptions(options: Readonly<Record<string, string>>): void {
  const invalid = (message: string): Error => fail('network.option_invalid', { message });
  for (const name of switches) {
    const value = options[name];
    if (value !== undefined && !truthValues.has(value)) throw invalid(`failed to parse ${name} value: ${value} (strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax)`);
  }
  const mtu = options[bridgeOption.mtu];
  if (mtu !== undefined) {
    if (!/^[+-]?\d+$/.test(mtu)) throw invalid(`failed to parse ${bridgeOption.mtu} value: ${mtu} (strconv.Atoi: parsing ${JSON.stringify(mtu)}: invalid syntax)`);
    if (Number(mtu) < 0) throw invalid(`invalid MTU number: ${Number(mtu)}`);
  }
  for (const option of [bridgeOption.gatewayMode, bridgeOption.gatewayMode6]) {
    const mode = options[option] ?? '';
    if (mode !== '' && !gatewayModes.some((known) => known === mode)) throw invalid(`failed to parse ${option} value: ${mode} (unknown gateway mode ${mode})`);
  }
  for (const option of [bridgeOption.hostAddress, bridgeOption.sourceAddress, bridgeOption.sourceAddress6]) {
    const address = options[option];
    if (address !== undefined && isIP(address) === 0) throw invalid(`failed to parse ${option} value: ${address} (nil ip)`);
  }
  const name = options[bridgeOption.interface] ?? '';
  if (name.length > interfaceNameLimit) throw fail('network.interface_name_long');
  if (name !== '' && !/^[A-Za-z0-9_.-]+$/.test(name)) throw fail('network.option_unusable', { message: 'invalid argument' });
}

/** What both families have in common of subnets, told in text. */
interface Parsed {
  readonly text: string;
  /** The subnet's first address was given. */
  readonly exact: boolean;
  readonly prefixLength: number;
  holds(address: string): boolean;
  overlaps(subnet: string): boolean;
}

function familyOf({ Subnet = '' }: NetworkAddressing): 4 | 6 {
  return Subnet.includes(':') ? 6 : 4;
}

function parse4(text: string): Parsed | undefined {
  const parsed = parseInterfaceAddress(text);
  if (parsed === undefined) return undefined;
  const { subnet, address } = parsed;
  return {
    text: formatSubnet(subnet),
    exact: address === subnet.base,
    prefixLength: subnet.prefixLength,
    holds: (other) => contains(subnet, parseAddress(other) ?? -1),
    overlaps: (other) => {
      const found = parseInterfaceAddress(other)?.subnet;
      return found !== undefined && overlaps(subnet, found);
    },
  };
}

function parse6(text: string): Parsed | undefined {
  const parsed = parseInterfaceAddress6(text);
  if (parsed === undefined) return undefined;
  const { subnet, address } = parsed;
  return {
    text: formatSubnet6(subnet),
    exact: address === subnet.base,
    prefixLength: subnet.prefixLength,
    holds: (other) => {
      const found = parseAddress6(other);
      return found !== undefined && contains6(subnet, found);
    },
    overlaps: (other) => {
      const found = parseInterfaceAddress6(other)?.subnet;
      return found !== undefined && overlaps6(subnet, found);
    },
  };
}

/** As `ValidateIPAM` of Docker's API types. @throws network.configuration_invalid */
function validateAddressing(config: readonly NetworkAddressing[], six: boolean): void {
  const reasons: string[] = [];
  for (const { Subnet = '', IPRange = '', Gateway = '', AuxiliaryAddresses = {} } of config) {
    const parsed = parse4(Subnet) ?? parse6(Subnet);
    if (parsed === undefined) {
      reasons.push(`invalid subnet ${Subnet}: invalid CIDR block notation`);
      continue;
    }
    const family = Subnet.includes(':') ? 6 : 4;
    if (family === 6 && !six) continue;
    if (!parsed.exact) reasons.push(`invalid subnet ${Subnet}: it should be ${parsed.text}`);
    if (IPRange !== '') reasons.push(...rangeReasons(IPRange, parsed, family));
    if (Gateway !== '') reasons.push(...addressReasons(Gateway, parsed, family).map((reason) => `invalid gateway ${Gateway}: ${reason}`));
    for (const [name, auxiliary] of Object.entries(AuxiliaryAddresses)) {
      reasons.push(...addressReasons(auxiliary, parsed, family).map((reason) => `invalid auxiliary address ${name}: ${reason}`));
    }
  }
  if (reasons.length > 0) throw fail('network.configuration_invalid', { reasons });
}

function rangeReasons(text: string, parent: Parsed, family: 4 | 6): string[] {
  const parsed = parse4(text) ?? parse6(text);
  if (parsed === undefined) return [`invalid ip-range ${text}: invalid CIDR block notation`];
  if (text.includes(':') !== (family === 6)) return [`invalid ip-range ${text}: parent subnet is an IPv${family} block`];
  const reasons: string[] = [];
  if (parsed.prefixLength < parent.prefixLength) reasons.push(`invalid ip-range ${text}: CIDR block is bigger than its parent subnet ${parent.text}`);
  if (!parsed.exact) reasons.push(`invalid ip-range ${text}: it should be ${parsed.text}`);
  if (!parent.overlaps(text)) reasons.push(`invalid ip-range ${text}: parent subnet ${parent.text} doesn't contain ip-range`);
  return reasons;
}

function addressReasons(text: string, parent: Parsed, family: 4 | 6): string[] {
  if (isIP(text) === 0) return ['invalid address'];
  if (text.includes(':') !== (family === 6)) return [`parent subnet is an IPv${family} block`];
  return parent.holds(text) ? [] : [`parent subnet ${parent.text} doesn't contain this address`];
}

function refuseOverlap(addressing: NetworkAddressing, others: readonly NetworkRecord[]): void {
  const own = parse4(addressing.Subnet ?? '') ?? parse6(addressing.Subnet ?? '');
  if (own === undefined) return;
  const taken = others.flatMap(({ IPAM }) => (IPAM.Config ?? []).map(({ Subnet = '' }) => Subnet));
  if (taken.some((subnet) => own.overlaps(subnet))) throw fail('network.pool_overlaps');
  if (own.prefixLength === 0) throw fail('network.option_invalid', { message: `ipv${familyOf(addressing)} pool is empty` });
}
