/** The networks of a new container: `--network` with its options, and the older flags that mean the first network. */
import type { NetworkAttachment } from '#cli/flags/network-flag.ts';
import { plainAttachment } from '#cli/flags/network-flag.ts';
import { isMacAddress } from '#cli/flags/validators.ts';
import { quoteText } from '#base/template/go-quote.ts';
import type { EndpointSettings } from '#schema/container-config.ts';

export interface NetworkFlagValues {
  readonly network: readonly NetworkAttachment[];
  readonly 'network-alias': readonly string[];
  readonly link: readonly string[];
  readonly 'link-local-ip': readonly string[];
  readonly ip: string;
  readonly ip6: string;
  readonly 'mac-address': string;
}

export function networkModeOf(flags: NetworkFlagValues): string {
  return flags.network[0]?.target ?? 'default';
}

/** @throws Error with Docker's texts */
export function endpointsOf(flags: NetworkFlagValues): Record<string, EndpointSettings> {
  const endpoints: Record<string, EndpointSettings> = {};
  const { network } = flags;
  if (network.length === 0) return { default: endpointOf(withContainerFlags(plainAttachment, flags)) };
  let userDefined = false;
  let predefined = false;
  for (const [index, given] of network.entries()) {
    if (isUserDefined(given.target)) userDefined = true;
    else predefined = true;
    const attachment = index === 0 ? withContainerFlags(given, flags) : given;
    const endpoint = endpointOf(attachment);
    if (Object.hasOwn(endpoints, given.target)) throw new Error(`network ${quoteText(given.target)} is specified multiple times`);
    // A single network without options is told by the network mode alone.
    if (network.length === 1 && isPlain(attachment)) continue;
    endpoints[given.target] = endpoint;
  }
  if (userDefined && predefined) throw new Error('conflicting options: cannot attach both user-defined and non-user-defined network-modes');
  return endpoints;
}

function withContainerFlags(attachment: NetworkAttachment, flags: NetworkFlagValues): NetworkAttachment {
  const conflict = (flag: string, option: string): Error => new Error(`conflicting options: cannot specify both --${flag} and per-network ${option}`);
  if (attachment.aliases.length > 0 && flags['network-alias'].length > 0) throw conflict('network-alias', 'alias');
  if (attachment.links.length > 0 && flags.link.length > 0) throw conflict('link', 'links');
  if (attachment.ipv4Address !== '' && flags.ip !== '') throw conflict('ip', 'IPv4 address');
  if (attachment.ipv6Address !== '' && flags.ip6 !== '') throw conflict('ip6', 'IPv6 address');
  if (attachment.macAddress !== '' && flags['mac-address'] !== '') throw conflict('mac-address', 'MAC address');
  if (attachment.linkLocalAddresses.length > 0 && flags['link-local-ip'].length > 0) throw conflict('link-local-ip', 'link-local IP addresses');
  return {
    ...attachment,
    aliases: flags['network-alias'].length > 0 ? flags['network-alias'] : attachment.aliases,
    // On the default bridge a link is a matter of the container.
    links: isUserDefined(attachment.target) && flags.link.length > 0 ? flags.link : attachment.links,
    ipv4Address: flags.ip !== '' ? flags.ip : attachment.ipv4Address,
    ipv6Address: flags.ip6 !== '' ? flags.ip6 : attachment.ipv6Address,
    macAddress: flags['mac-address'] !== '' ? flags['mac-address'] : attachment.macAddress,
    linkLocalAddresses: flags['link-local-ip'].length > 0 ? flags['link-local-ip'] : attachment.linkLocalAddresses,
  };
}

function endpointOf(attachment: NetworkAttachment): EndpointSettings {
  if (attachment.target.trim() === '') throw new Error('no name set for network');
  if (!isUserDefined(attachment.target)) {
    if (attachment.aliases.length > 0) throw new Error('network-scoped aliases are only supported for user-defined networks');
    if (attachment.links.length > 0) throw new Error('links are only supported for user-defined networks');
  }
  if (attachment.macAddress !== '' && !isMacAddress(attachment.macAddress)) throw new Error(`${attachment.macAddress} is not a valid mac address`);
  const { ipv4Address, ipv6Address, linkLocalAddresses, driverOptions } = attachment;
  return {
    IPAMConfig: ipv4Address === '' && ipv6Address === '' && linkLocalAddresses.length === 0 ? null : {
      ...(ipv4Address === '' ? {} : { IPv4Address: ipv4Address }),
      ...(ipv6Address === '' ? {} : { IPv6Address: ipv6Address }),
      ...(linkLocalAddresses.length === 0 ? {} : { LinkLocalIPs: [...linkLocalAddresses] }),
    },
    Links: attachment.links.length === 0 ? null : [...attachment.links],
    Aliases: attachment.aliases.length === 0 ? null : [...attachment.aliases],
    MacAddress: attachment.macAddress,
    DriverOpts: Object.keys(driverOptions).length === 0 ? null : { ...driverOptions },
    GwPriority: attachment.gatewayPriority,
    NetworkID: '',
    EndpointID: '',
    Gateway: '',
    IPAddress: '',
    IPPrefixLen: 0,
    IPv6Gateway: '',
    GlobalIPv6Address: '',
    GlobalIPv6PrefixLen: 0,
    DNSNames: null,
  };
}

function isPlain(attachment: NetworkAttachment): boolean {
  return JSON.stringify({ ...attachment, target: '' }) === JSON.stringify({ ...plainAttachment, target: '' });
}

/** Whether the name is of a network that somebody made. */
function isUserDefined(name: string): boolean {
  return !['default', 'bridge', 'host', 'none'].includes(name) && !name.startsWith('container:');
}
