/** Errors of the network domain. Texts Docker clients match on are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

const setup = 'failed to set up container networking';
type Details = Readonly<Record<string, unknown>>;
/** What begins every failure of publishing ports; `endpoint` is the container's name, `endpointId` 64 digits. */
const programming = (d: Details): string => `${setup}: driver failed programming external connectivity on endpoint ${d['endpoint']} (${d['endpointId']})`;

export const networkErrors = {
  'network.not_found': { kind: 'notFound', text: (d) => `network ${d['reference']} not found` },
  'network.ambiguous': { kind: 'invalid', text: (d) => `${d['count']} matches found based on ${d['basis']}: network ${d['reference']} is ambiguous` },
  'network.invalid_filter': { kind: 'invalid', text: (d) => `invalid filter '${d['name']}'` },
  'network.invalid_filter_type': { kind: 'system', text: (d) => `invalid filter: 'type'='${d['value']}'` },
  'network.repeated_filter': { kind: 'invalid', text: (d) => `got more than one value for filter key "${d['name']}"` },
  'network.invalid_filter_boolean': { kind: 'invalid', text: (d) => `invalid value for filter '${d['name']}', must be "true" (or "1"), or "false" (or "0")` },
  'network.invalid_port': { kind: 'invalid', text: (d) => `invalid port specification: "${d['port']}"` },
  'network.invalid_endpoint': {
    kind: 'invalid',
    text: (d) => {
      const reasons = d['reasons'] as readonly string[];
      return `invalid config for network ${d['network']}: invalid endpoint settings:\n${reasons.length === 1 ? reasons[0] : reasons.map((reason) => `* ${reason}`).join('\n')}`;
    },
  },
  'network.invalid_mac_address': { kind: 'invalid', text: (d) => `invalid config for network ${d['network']}: invalid MAC address ${d['address']}` },
  'network.setup_not_found': { kind: 'notFound', text: (d) => `${setup}: network ${d['reference']} not found` },
  'network.setup_failed': { kind: 'system', text: (d) => `${setup}: ${d['reason']}` },
  'network.address_in_use': { kind: 'forbidden', text: () => `${setup}: Address already in use` },
  'network.no_address': { kind: 'unavailable', text: (d) => `${setup}: no available IPv4 addresses on this network's address pools: ${d['network']} (${d['id']})` },
  'network.no_subnet': { kind: 'system', text: () => 'all predefined address pools have been fully subnetted' },
  'network.invalid_bip': { kind: 'invalid', text: (d) => `invalid bridge address ${d['bip']}: it must be an IPv4 address with a prefix length, such as 172.17.0.1/16` },
  'network.invalid_bridge_name': { kind: 'invalid', text: (d) => `invalid bridge name ${d['name']}: it must have 1 to 15 letters, digits, dots, dashes or underscores` },
  'network.not_a_bridge': { kind: 'conflict', text: (d) => `cannot use interface ${d['name']} as bridge: it is of another kind (${d['linkKind']}); name another one with --bridge` },
  'network.firewall_failed': { kind: 'system', text: (d) => `cannot load firewall rules for containers: ${d['reason']}` },
  'network.firewall_gone': { kind: 'system', text: (d) => `nftables table ${d['table']} is not there any more; restart the daemon to have it again` },
  /** `holder`: who has the port, when that is known. */
  'network.port_allocated': { kind: 'system', text: (d) => `${programming(d)}: Bind for ${d['address']}:${d['port']} failed: port is already allocated` },
  'network.all_ports_allocated': { kind: 'system', text: (d) => `${programming(d)}: all ports are allocated` },
  /** `attempted`: the port, when a range was asked for. */
  'network.port_bind_failed': { kind: 'system', text: (d) => `${programming(d)}: failed to bind host port${d['attempted'] === undefined ? '' : ` ${d['attempted']}`} for ${d['binding']}: ${d['reason']}` },
  'network.port_listen_failed': { kind: 'system', text: (d) => `${programming(d)}: failed to listen on TCP socket: ${d['reason']}` },
  'network.port_proxy_failed': { kind: 'system', text: (d) => `${programming(d)}: error starting userland proxy: failed to listen on ${d['address']}:${d['port']}: ${d['reason']}` },
  'network.unknown_protocol': { kind: 'system', text: (d) => `${programming(d)}: unknown protocol` },
} as const satisfies Record<string, ErrorRow>;
