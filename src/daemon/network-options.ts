/** The options of networks: the default bridge's, and what networks have that name nothing themselves. */
import { fail } from '#base/errors/failure.ts';
import type { NetworkSettings } from '#network/default-bridge.ts';
import { parseInterfaceAddress } from '#network/ipv4-subnet.ts';
import { parseInterfaceAddress6 } from '#network/ipv6-subnet.ts';
import type { FileValues } from './configuration-file.ts';
import { invalid, isList, isRecord, valueOf, type Refusal } from './option-refusal.ts';
import type { OptionValues } from './option-sources.ts';
import { addressPoolFault, prefixFault, readAddressPool, type AddressPoolOption } from './option-values.ts';

/** @throws daemon.bad_configuration */
export function refuseFixedRangeOfVersion6(range: string, merged: Refusal): void {
  const twice = (reason: string): Error => merged(`invalid fixed-cidr-v6: invalid fixed-cidr-v6: ${reason}`);
  const fault = prefixFault(range);
  if (fault !== undefined) throw twice(fault);
  if (/^fe[89ab][0-9a-f]:/i.test(range)) throw twice(`'${range}' clashes with the Link-Local prefix 'fe80::/64'`);
}

/** @throws daemon.invalid_option, network.invalid_bip, network.invalid_bip6 */
export function networkSettings(values: OptionValues, mtu: number, pools: readonly AddressPoolOption[]): NetworkSettings {
  const bip = values.text('bip');
  const parsed = bip === undefined ? undefined : parseInterfaceAddress(bip);
  if (bip !== undefined && (parsed === undefined || parsed.address === parsed.subnet.base || parsed.subnet.prefixLength > 30 || parsed.subnet.prefixLength < 8)) throw fail('network.invalid_bip', { bip });
  const fixedRange = values.text('fixed-cidr');
  const range = fixedRange === undefined ? undefined : parseInterfaceAddress(fixedRange)?.subnet;
  if (fixedRange !== undefined && range === undefined) throw invalid(`invalid fixed-cidr ${fixedRange}: it must be a subnet of IPv4 in CIDR notation, such as 172.17.8.0/24`);
  return {
    bip,
    fixedRange,
    defaultGateway: versionFour(values, 'default-gateway'),
    six: values.flag('ipv6', false),
    bip6: bip6Of(values),
    fixedRange6: values.text('fixed-cidr-v6'),
    defaultGateway6: values.text('default-gateway-v6')?.trim(),
    mtu: mtu === 0 ? undefined : mtu,
    betweenContainers: values.flag('icc', true),
    masquerade: values.flag('ip-masq', true),
    hostAddress: versionFour(values, 'ip'),
    publishDefault: values.text('publish-default')?.trim(),
    pools: pools.length === 0 ? undefined : pools.map(({ base, size }) => ({ base, prefixLength: size })),
    forwarding: values.flag('ip-forward', true),
    firewall: [...(values.flag('iptables', true) ? [4 as const] : []), ...(values.flag('ip6tables', true) ? [6 as const] : [])],
    directRouting: values.flag('allow-direct-routing'),
    relays: values.flag('userland-proxy', true),
  };
}

/** @throws network.invalid_bip6 */
function bip6Of(values: OptionValues): string | undefined {
  const bip = values.text('bip6');
  const parsed = bip === undefined ? undefined : parseInterfaceAddress6(bip);
  if (bip !== undefined && (parsed === undefined || parsed.address === parsed.subnet.base || parsed.subnet.prefixLength > 126)) throw fail('network.invalid_bip6', { bip });
  return bip;
}

function versionFour(values: OptionValues, flag: string): string | undefined {
  const address = values.text(flag)?.trim();
  if (address?.includes(':') === true) throw invalid(`invalid ${flag} ${address}: it must be an address of IPv4`);
  return address;
}

/** @throws daemon.invalid_option for a pool that is none */
export function addressPoolsOf(values: OptionValues, file: FileValues): AddressPoolOption[] {
  const directives: unknown = file['default-address-pools'];
  const pools = isList<AddressPoolOption>(directives) ? [...directives] : values.given('default-address-pool').map((text) => valueOf(readAddressPool(text), invalid));
  for (const pool of pools) {
    const fault = addressPoolFault(pool);
    if (fault !== undefined) throw invalid(fault);
  }
  return pools;
}

/** By the name of the driver. */
export function networkOptionsOf(values: OptionValues, file: FileValues): Record<string, Record<string, string>> {
  const directives: unknown = file['default-network-opts'];
  const result: Record<string, Record<string, string>> = isRecord<Record<string, string>>(directives) ? { ...directives } : {};
  for (const text of values.given('default-network-opt')) {
    const [, driver = '', option = '', value = ''] = /^([^=]+)=([^=]+)=(.*)$/s.exec(text) ?? [];
    result[driver] = { ...result[driver], [option]: value };
  }
  return result;
}
