/** Turns the body of `POST /networks/create` into a network's record, or refuses it with Docker's texts. Pure. */
import { isIPv4, isIPv6 } from 'node:net';
import { fail } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import { timestampNow } from '#base/timestamp.ts';
import type { NetworkAddressing, NetworkCreateRequest } from '#schema/network-views.ts';
import { contains, formatSubnet, overlaps, parseAddress, parseInterfaceAddress, type Subnet } from './ipv4-subnet.ts';
import { refuseAsConfiguration, requestFromConfiguration } from './configuration-networks.ts';
import { bridgeOption, isPredefined, newNetworkRecord, type NetworkRecord } from './network-record.ts';

const interfaceNameLimit = 15;
const truthValues = new Set(['1', 't', 'T', 'true', 'TRUE', 'True', '0', 'f', 'F', 'false', 'FALSE', 'False']);
const switches: readonly string[] = [bridgeOption.betweenContainers, bridgeOption.masquerade, bridgeOption.inhibitAddress, bridgeOption.defaultBridge];

/** Everything that can be checked without knowing the machine. @throws network.name_invalid and the like */
export function recordFromRequest(asked: NetworkCreateRequest, networks: readonly NetworkRecord[]): NetworkRecord {
  let request = asked;
  if (isPredefined(request.Name) || request.Name === 'default') throw fail('network.name_predefined', { name: request.Name });
  if (request.Name.trim() === '') throw fail('network.name_invalid', { reason: 'name is empty' });
  if (request.EnableIPv4 === false && request.EnableIPv6 !== true) throw fail('network.option_invalid', { message: 'IPv4 or IPv6 must be enabled' });
  validateAddressing(request.IPAM?.Config ?? []);
  if (request.ConfigOnly) refuseAsConfiguration(request);
  if (request.Driver === 'overlay' && request.Ingress) throw fail('network.no_swarm');
  if (request.Ingress) throw fail('network.ingress_scope');
  if (request.Scope === 'swarm') throw fail('network.swarm_scope');
  if (networks.some(({ Name }) => Name === request.Name)) throw fail('network.name_taken', { name: request.Name });
  if (request.ConfigOnly) return configurationRecord(request);
  request = requestFromConfiguration(request, networks);
  const others = networks.filter(({ ConfigOnly }) => !ConfigOnly);
  const driver = request.Driver === '' ? 'bridge' : request.Driver;
  refuseDriver(driver);
  const ipamDriver = request.IPAM?.Driver ?? '';
  if (ipamDriver === 'null') throw fail((request.IPAM?.Config ?? []).length === 0 ? 'network.null_addressing' : 'network.null_addressing_pool');
  if (ipamDriver !== '' && ipamDriver !== 'default') throw fail('network.driver_missing', { driver: ipamDriver });
  const options = { ...request.Options };
  if (driver === 'bridge') validateOptions(options);
  if (request.EnableIPv6 === true || request.EnableIPv4 === false) {
    throw fail('network.feature_missing', { message: 'networks with IPv6 are not supported by this engine yet: create the network without EnableIPv6' });
  }
  const config = (request.IPAM?.Config ?? []).filter(({ Subnet = '' }) => !Subnet.includes(':'));
  if (config.length > 1 && driver === 'bridge') throw fail('network.several_subnets');
  for (const addressing of config) refuseOverlap(addressing, others);
  return {
    ...newNetworkRecord({ name: request.Name, id: newIdentifier(), driver, created: timestampNow(), options }),
    IPAM: { Driver: 'default', Options: request.IPAM?.Options ?? null, Config: config.length === 0 ? null : config },
    Internal: request.Internal,
    Attachable: request.Attachable,
    Labels: request.Labels ?? {},
    ConfigFrom: { Network: request.ConfigFrom?.Network ?? '' },
    ...(request.Scope !== '' && { Scope: request.Scope }),
    engine: { staticSubnet: config.length > 0, ownsInterface: true },
  };
}

/** A network that has no interfaces, for others to be made from. */
function configurationRecord(request: NetworkCreateRequest): NetworkRecord {
  const { IPAM } = request;
  return {
    ...newNetworkRecord({ name: request.Name, id: newIdentifier(), driver: 'null', created: timestampNow(), options: { ...request.Options } }),
    EnableIPv4: request.EnableIPv4 ?? true,
    EnableIPv6: request.EnableIPv6 ?? false,
    IPAM: { Driver: IPAM === null || IPAM.Driver === '' ? 'default' : IPAM.Driver, Options: IPAM?.Options ?? null, Config: IPAM?.Config ?? null },
    Labels: request.Labels ?? {},
    ConfigOnly: true,
  };
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
    case 'overlay':
      throw fail('network.no_swarm');
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
  const mode = options[bridgeOption.gatewayMode] ?? '';
  if (!['', 'nat', 'nat-unprotected', 'routed', 'isolated'].includes(mode)) throw invalid(`failed to parse ${bridgeOption.gatewayMode} value: ${mode} (unknown gateway mode ${mode})`);
  if (mode !== '' && mode !== 'nat') throw fail('network.feature_missing', { message: `gateway mode ${mode} is not supported by this engine yet: use nat` });
  const name = options[bridgeOption.interface] ?? '';
  if (name.length > interfaceNameLimit) throw fail('network.interface_name_long');
  if (name !== '' && !/^[A-Za-z0-9_.-]+$/.test(name)) throw invalid(`invalid bridge name ${name}: it must have letters, digits, dots, dashes or underscores`);
}

/** As `ValidateIPAM` of Docker's API types. @throws network.configuration_invalid */
function validateAddressing(config: readonly NetworkAddressing[]): void {
  const reasons: string[] = [];
  for (const { Subnet = '', IPRange = '', Gateway = '', AuxiliaryAddresses = {} } of config) {
    if (isSubnet6(Subnet)) continue;
    const parsed = parseInterfaceAddress(Subnet);
    if (parsed === undefined) {
      reasons.push(`invalid subnet ${Subnet}: invalid CIDR block notation`);
      continue;
    }
    const { subnet, address } = parsed;
    if (address !== subnet.base) reasons.push(`invalid subnet ${Subnet}: it should be ${formatSubnet(subnet)}`);
    if (IPRange !== '') reasons.push(...rangeReasons(IPRange, subnet));
    if (Gateway !== '') reasons.push(...addressReasons(Gateway, subnet).map((reason) => `invalid gateway ${Gateway}: ${reason}`));
    for (const [name, auxiliary] of Object.entries(AuxiliaryAddresses)) {
      reasons.push(...addressReasons(auxiliary, subnet).map((reason) => `invalid auxiliary address ${name}: ${reason}`));
    }
  }
  if (reasons.length > 0) throw fail('network.configuration_invalid', { reasons });
}

function rangeReasons(text: string, parent: Subnet): string[] {
  if (isSubnet6(text)) return [`invalid ip-range ${text}: parent subnet is an IPv4 block`];
  const parsed = parseInterfaceAddress(text);
  if (parsed === undefined) return [`invalid ip-range ${text}: invalid CIDR block notation`];
  const reasons: string[] = [];
  if (parsed.address !== parsed.subnet.base) reasons.push(`invalid ip-range ${text}: it should be ${formatSubnet(parsed.subnet)}`);
  if (!overlaps(parent, parsed.subnet)) reasons.push(`invalid ip-range ${text}: parent subnet ${formatSubnet(parent)} doesn't contain ip-range`);
  return reasons;
}

function addressReasons(text: string, parent: Subnet): string[] {
  if (isIPv6(text)) return ['parent subnet is an IPv4 block'];
  const address = isIPv4(text) ? parseAddress(text) : undefined;
  if (address === undefined) return ['invalid address'];
  return contains(parent, address) ? [] : [`parent subnet ${formatSubnet(parent)} doesn't contain this address`];
}

function isSubnet6(text: string): boolean {
  const [address = '', length = ''] = text.split('/');
  return isIPv6(address) && /^\d{1,3}$/.test(length) && Number(length) <= 128;
}

function refuseOverlap(addressing: NetworkAddressing, others: readonly NetworkRecord[]): void {
  const subnet = parseInterfaceAddress(addressing.Subnet ?? '')?.subnet;
  const taken = others.flatMap(({ IPAM }) => (IPAM.Config ?? []).flatMap(({ Subnet = '' }) => parseInterfaceAddress(Subnet)?.subnet ?? []));
  if (subnet !== undefined && (subnet.prefixLength === 0 || taken.some((other) => overlaps(other, subnet)))) throw fail('network.pool_overlaps');
}
