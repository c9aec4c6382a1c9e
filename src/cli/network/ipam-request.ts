/** The subnets of `network create`: which range, gateway and auxiliary addresses belong to which. */
import { BlockList, isIP, isIPv6 } from 'node:net';
import type { NetworkAddressing } from '#schema/network-views.ts';

export interface IpamFlagValues {
  readonly subnet: readonly string[];
  readonly 'ip-range': readonly string[];
  readonly gateway: readonly string[];
  readonly 'aux-address': ReadonlyMap<string, string>;
}

/** @throws Error with Docker's text for what belongs to no subnet, or to one that has its own already */
export function addressingOf(flags: IpamFlagValues): NetworkAddressing[] {
  const { subnet: subnets, 'ip-range': ranges, gateway: gateways, 'aux-address': auxiliaries } = flags;
  if (subnets.length < ranges.length || subnets.length < gateways.length) throw new Error('every ip-range or gateway must have a corresponding subnet');
  const configured = new Map<string, NetworkAddressing>();
  for (const subnet of subnets) {
    for (const other of configured.keys()) {
      if (contains(subnet, other) || contains(other, subnet)) throw new Error('multiple overlapping subnet configuration is not supported');
    }
    configured.set(subnet, { Subnet: subnet });
  }
  const matching = (text: string, what: string): NetworkAddressing[] => {
    const found = [...configured].filter(([subnet]) => contains(subnet, text)).map(([, config]) => config);
    if (found.length === 0) throw new Error(`no matching subnet for ${what} ${text}`);
    return found;
  };
  for (const range of ranges) {
    splitSubnet(range, '');
    for (const config of matching(range, 'range')) {
      if (config.IPRange !== undefined) throw new Error(`cannot configure multiple ranges (${range}, ${config.IPRange}) on the same subnet (${config.Subnet})`);
      config.IPRange = range;
    }
  }
  for (const gateway of gateways) {
    for (const config of matching(gateway, 'gateway')) {
      if (config.Gateway !== undefined) throw new Error(`cannot configure multiple gateways (${gateway}, ${config.Gateway}) for the same subnet (${config.Subnet})`);
      config.Gateway = gateway;
    }
  }
  for (const [name, address] of auxiliaries) {
    for (const config of matching(address, 'aux-address')) config.AuxiliaryAddresses = { ...config.AuxiliaryAddresses, [name]: address };
  }
  return [...configured.values()];
}

/** Whether the subnet has the address, or the beginning of the other subnet, in it. */
function contains(subnet: string, text: string): boolean {
  const [base, length] = splitSubnet(subnet, 'invalid subnet: ');
  const address = text.includes('/') ? splitSubnet(text, '')[0] : text;
  if (isIP(address) === 0 || isIPv6(address) !== isIPv6(base)) return false;
  const family = isIPv6(base) ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  list.addSubnet(base, length, family);
  return list.check(address, family);
}

function splitSubnet(text: string, context: string): [base: string, length: number] {
  const [base = '', length = '', ...rest] = text.split('/');
  const valid = isIP(base) !== 0 && /^\d{1,3}$/.test(length) && Number(length) <= (isIPv6(base) ? 128 : 32) && rest.length === 0;
  if (!valid) throw new Error(`${context}invalid CIDR address: ${text}`);
  return [base, Number(length)];
}
