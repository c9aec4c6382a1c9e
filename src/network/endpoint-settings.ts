/** Checks what a container asks of its place in a network, with Docker's texts. */
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { fail } from '#base/errors/failure.ts';
import type { EndpointSettings } from '#schema/container-config.ts';
import { contains, parseAddress, parseInterfaceAddress } from './ipv4-subnet.ts';
import { contains6, parseAddress6, parseInterfaceAddress6 } from './ipv6-subnet.ts';
import { endpointOption } from './namespace-settings.ts';
import { isPredefined, type NetworkRecord } from './network-record.ts';

/**
 * @param network its name, with which create tells where the fault is; undefined while connecting
 * @param record undefined when there is no such network yet
 * @throws network.invalid_endpoint, network.invalid_mac_address
 */
export function validateEndpointSettings(network: string | undefined, settings: Partial<EndpointSettings>, record: Pick<NetworkRecord, 'Name' | 'IPAM' | 'engine'> | undefined): void {
  const reasons: string[] = [];
  const four = settings.IPAMConfig?.IPv4Address ?? '';
  const six = settings.IPAMConfig?.IPv6Address ?? '';
  const name = record?.Name ?? network ?? '';
  const predefined = isPredefined(name) || name.startsWith('container:');
  if (predefined && (four !== '' || six !== '')) reasons.push('user specified IP address is supported on user defined networks only');
  if (predefined && (settings.Aliases ?? []).length > 0) reasons.push('network-scoped alias is supported only for containers in user defined networks');
  if (four !== '' && (!isIPv4(four) || isUnspecified(four))) reasons.push(`invalid IPv4 address: ${four}`);
  if (six !== '' && (!isIPv6(six) || isUnspecified(six))) reasons.push(`invalid IPv6 address: ${six}`);
  for (const address of settings.IPAMConfig?.LinkLocalIPs ?? []) if (isIP(address) === 0 || isUnspecified(address)) reasons.push(`invalid link-local IP address: ${address}`);
  if (record !== undefined) {
    if (four !== '') reasons.push(...rangeReasons(four, record, false));
    if (six !== '') reasons.push(...rangeReasons(six, record, true));
  }
  reasons.push(...sysctlReasons(settings.DriverOpts?.[endpointOption.sysctls]));
  const mac = settings.MacAddress ?? '';
  if (mac !== '' && !isMacAddress(mac)) throw fail('network.invalid_mac_address', { network, address: mac });
  if (reasons.length > 0) throw fail('network.invalid_endpoint', { network, reasons });
}

function isUnspecified(address: string): boolean {
  return /^(0+\.){3}0+$|^[0:]+$/.test(address);
}

const unconfigured = 'user specified IP address is supported only when connecting to networks with user configured subnets';

/** Each names a setting of an interface with `IFNAME` in the interface's place, which Docker's client writes in lower case. */
function sysctlReasons(text: string | undefined): string[] {
  return (text?.split(',') ?? []).filter((entry) => !/^[^.]*\.(?:ipv4|ipv6|mpls)\.[^.]*\.(?:IFNAME|ifname)\./.test(entry))
    .map((entry) => `unrecognised network interface sysctl '${entry}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'`);
}

function rangeReasons(address: string, record: Pick<NetworkRecord, 'Name' | 'IPAM' | 'engine'>, six: boolean): string[] {
  // The default bridge's subnet is the daemon's configuration.
  if (record.engine?.staticSubnet !== true && record.Name !== 'bridge') return [unconfigured];
  const subnets = (record.IPAM.Config ?? []).filter(({ Subnet = '' }) => Subnet.includes(':') === six);
  if (subnets.length === 0) return [unconfigured];
  const number = parseAddress(address);
  const number6 = parseAddress6(address);
  const found = subnets.some(({ Subnet = '' }) => {
    const [four, wide] = [parseInterfaceAddress(Subnet), parseInterfaceAddress6(Subnet)];
    return (four !== undefined && number !== undefined && contains(four.subnet, number)) || (wide !== undefined && number6 !== undefined && contains6(wide.subnet, number6));
  });
  return found ? [] : [`no configured subnet or ip-range contain the IP address ${address}`];
}

/** Six bytes, with colons, dashes or as three groups with dots. */
function isMacAddress(text: string): boolean {
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text) || /^([0-9a-f]{2}-){5}[0-9a-f]{2}$/i.test(text) || /^([0-9a-f]{4}\.){2}[0-9a-f]{4}$/i.test(text);
}
