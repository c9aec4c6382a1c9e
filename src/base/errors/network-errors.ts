/** Errors of the network domain. Texts Docker clients match on are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

const setup = 'failed to set up container networking';
type Details = Readonly<Record<string, unknown>>;
/** What begins every failure of publishing ports; `endpoint` is the container's name, `endpointId` 64 digits. */
const programming = (d: Details): string => `${setup}: driver failed programming external connectivity on endpoint ${d['endpoint']} (${d['endpointId']})`;

export const networkErrors = {
  'network.not_found': { kind: 'notFound', text: (d) => `network ${d['reference']} not found` },
  'network.ambiguous': { kind: 'invalid', text: (d) => `${d['count']} matches found based on ${d['basis']}: network ${d['reference']} is ambiguous` },
  /** As whoever removes or joins it is told. */
  'network.ambiguous_use': { kind: 'invalid', text: (d) => `${d['setup'] === true ? `${setup}: ` : ''}network ${d['reference']} is ambiguous (${d['count']} matches found based on ${d['basis']})` },
  'network.invalid_filter': { kind: 'invalid', text: (d) => d['name'] === '' ? 'invalid filter' : `invalid filter '${d['name']}'` },
  'network.invalid_filter_type': { kind: 'system', text: (d) => `invalid filter: 'type'='${d['value']}'` },
  'network.repeated_filter': { kind: 'invalid', text: (d) => `got more than one value for filter key "${d['name']}"` },
  'network.invalid_filter_boolean': { kind: 'invalid', text: (d) => `invalid value for filter '${d['name']}', must be "true" (or "1"), or "false" (or "0")` },
  'network.invalid_port': { kind: 'invalid', text: (d) => `invalid port specification: "${d['port']}"` },
  'network.invalid_endpoint': {
    kind: 'invalid',
    text: (d) => {
      const reasons = d['reasons'] as readonly string[];
      const where = d['network'] === undefined ? '' : `invalid config for network ${d['network']}: `;
      return `${where}invalid endpoint settings:\n${reasons.length === 1 ? reasons[0] : reasons.map((reason) => `* ${reason}`).join('\n')}`;
    },
  },
  'network.invalid_mac_address': { kind: 'invalid', text: (d) => `${d['network'] === undefined ? '' : `invalid config for network ${d['network']}: `}invalid MAC address ${d['address']}` },
  'network.setup_not_found': { kind: 'notFound', text: (d) => `${setup}: network ${d['reference']} not found` },
  'network.setup_failed': { kind: 'system', text: (d) => `${setup}: ${d['reason']}` },
  /** `setup`: while a container starts; else while it is connected. */
  'network.address_in_use': { kind: 'forbidden', text: (d) => `${d['setup'] === false ? '' : `${setup}: `}Address already in use` },
  'network.no_address': { kind: 'unavailable', text: (d) => `${d['setup'] === false ? '' : `${setup}: `}no available IPv${d['six'] === true ? 6 : 4} addresses on this network's address pools: ${d['network']} (${d['id']})` },
  'network.no_subnet': { kind: 'system', text: () => 'all predefined address pools have been fully subnetted' },
  'network.invalid_bip': { kind: 'invalid', text: (d) => `invalid bridge address ${d['bip']}: it must be an IPv4 address with a prefix length, such as 172.17.0.1/16` },
  'network.invalid_bip6': { kind: 'invalid', text: (d) => `invalid bridge address ${d['bip']}: it must be an IPv6 address with a prefix length, such as fd00:17::1/64` },
  'network.fixed_range_outside': { kind: 'invalid', text: (d) => `invalid fixed-cidr ${d['range']}: it must be a part of the default bridge's subnet ${d['subnet']}` },
  'network.default_gateway_outside': { kind: 'invalid', text: (d) => `invalid default-gateway ${d['address']}: it must be an address of the default bridge's subnet ${d['subnet']} other than the bridge's own` },
  'network.invalid_bridge_name': { kind: 'invalid', text: (d) => `invalid bridge name ${d['name']}: it must have 1 to 15 letters, digits, dots, dashes or underscores` },
  'network.not_a_bridge': { kind: 'conflict', text: (d) => `cannot use interface ${d['name']} as bridge: it is of another kind (${d['linkKind']}); name another one with --bridge` },
  'network.existing_not_a_bridge': { kind: 'system', text: (d) => `existing interface ${d['name']} is not a bridge` },
  'network.firewall_failed': { kind: 'system', text: (d) => `cannot load firewall rules for containers: ${d['reason']}` },
  'network.firewall_gone': { kind: 'system', text: (d) => `nftables table ${d['table']} is not there any more; restart the daemon to have it again` },
  /** `holder`: who has the port, when that is known. */
  'network.port_allocated': { kind: 'system', text: (d) => `${programming(d)}: Bind for ${d['address']}:${d['port']} failed: port is already allocated` },
  'network.all_ports_allocated': { kind: 'system', text: (d) => `${programming(d)}: all ports are allocated` },
  /** `attempted`: the port, when a range was asked for. */
  'network.port_bind_failed': { kind: 'system', text: (d) => `${programming(d)}: failed to bind host port${d['attempted'] === undefined ? '' : ` ${d['attempted']}`} for ${d['binding']}: ${d['reason']}` },
  'network.port_listen_failed': { kind: 'system', text: (d) => `${programming(d)}: failed to listen on TCP socket: ${d['reason']}` },
  'network.port_proxy_failed': { kind: 'system', text: (d) => `${programming(d)}: error starting userland proxy: failed to listen on ${d['address']}:${d['port']}: ${d['reason']}` },
  'network.port_not_published': { kind: 'notFound', text: (d) => `container ${d['container']} does not publish ${d['binding']}: ${d['published']}` },
  /** While the container runs or is stopped, not while it starts. `holder`: who has the port, when that is known. */
  'network.port_not_available': { kind: 'conflict', text: (d) => `cannot publish ${d['binding']} of container ${d['container']}: ${d['holder'] === undefined ? d['reason'] : `${d['holder']} has port ${d['address']}:${d['port']}/${d['protocol']}`}; the container is as before` },
  'network.publishing_impossible': { kind: 'invalid', text: (d) => `cannot change the published ports of container ${d['container']}: ${d['reason']}` },
  'network.unknown_protocol': { kind: 'system', text: (d) => `${programming(d)}: unknown protocol` },
  'network.name_invalid': { kind: 'invalid', text: (d) => `invalid name: ${d['reason']}` },
  'network.name_predefined': { kind: 'forbidden', text: (d) => `operation is not permitted on predefined ${d['name']} network ` },
  'network.name_taken': { kind: 'conflict', text: (d) => `network with name ${d['name']} already exists` },
  'network.remove_predefined': { kind: 'forbidden', text: (d) => `${d['name']} is a pre-defined network and cannot be removed` },
  'network.container_missing': { kind: 'invalid', text: (d) => `invalid name or ID supplied: ${JSON.stringify(d['reference'])}` },
  'network.in_use': { kind: 'forbidden', text: (d) => `error while removing network: network ${d['name']} has active endpoints (${d['endpoints']})` },
  'network.driver_missing': { kind: 'notFound', text: (d) => `plugin "${d['driver']}" not found` },
  'network.driver_single': { kind: 'forbidden', text: (d) => `only one instance of "${d['driver']}" network is allowed` },
  'network.option_unusable': { kind: 'system', text: (d) => String(d['message']) },
  'network.sub_interface_failed': { kind: 'system', text: (d) => String(d['message']) },
  'network.mac_unsupported': { kind: 'forbidden', text: (d) => (d['setup'] === false ? '' : `${setup}: failed to create endpoint ${d['endpoint']} on network ${d['network']}: `) + 'ipvlan interfaces do not support custom mac address assignment' },
  'network.no_swarm': { kind: 'forbidden', text: () => 'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.' },
  'network.ingress_scope': { kind: 'forbidden', text: () => 'Ingress network can only be global scope network' },
  'network.no_configuration': { kind: 'notFound', text: (d) => `configuration network "${d['name']}" does not exist` },
  'network.configuration_operator_fields': { kind: 'forbidden', text: () => 'configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.' },
  'network.configuration_nested': { kind: 'forbidden', text: () => 'a configuration network cannot depend on another configuration network' },
  'network.configuration_options': { kind: 'forbidden', text: () => 'network driver options are not supported if the network depends on a configuration network' },
  'network.configuration_specified': { kind: 'forbidden', text: () => 'user specified configurations are not supported if the network depends on a configuration network' },
  'network.configuration_in_use': { kind: 'forbidden', text: (d) => `error while removing network: configuration network "${d['name']}" is in use` },
  'network.configuration_endpoint': { kind: 'forbidden', text: (d) => `${d['setup'] === false ? '' : `${setup}: `}cannot create endpoint on configuration-only network` },
  'network.swarm_scope': { kind: 'forbidden', text: () => 'cannot create a swarm scoped network when swarm is not active' },
  'network.null_addressing': { kind: 'invalid', text: () => 'ipv4 pool is empty' },
  'network.null_addressing_pool': { kind: 'invalid', text: () => 'null ipam driver does not handle specific address pool requests' },
  'network.configuration_invalid': {
    kind: 'invalid',
    text: (d) => {
      const reasons = d['reasons'] as readonly string[];
      return `invalid network config:\n${reasons.length === 1 ? reasons[0] : reasons.map((reason) => `* ${reason}`).join('\n')}`;
    },
  },
  'network.option_invalid': { kind: 'invalid', text: (d) => String(d['message']) },
  'network.several_subnets': { kind: 'forbidden', text: () => "bridge driver doesn't support multiple subnets" },
  'network.pool_overlaps': { kind: 'forbidden', text: () => 'invalid pool request: Pool overlaps with other one on this address space' },
  'network.gateway_taken': { kind: 'system', text: (d) => `failed to allocate gateway (${d['address']}): Address already in use` },
  'network.interface_failed': { kind: 'system', text: (d) => `${d['setup'] === false ? '' : `${setup}: `}failed to add interface ${d['interface']} to sandbox: ${d['reason']}` },
  'network.no_gateway': { kind: 'system', text: () => 'failed to allocate gateway (): no available addresses on this pool' },
  'network.auxiliary_taken': { kind: 'system', text: (d) => `failed to allocate secondary ip address (${d['name']}:${d['address']}): Address already in use` },
  'network.isolated_outside': { kind: 'system', text: () => "gateway mode 'isolated' can only be used for an internal network" },
  'network.same_bridge': { kind: 'forbidden', text: (d) => `cannot create network ${d['id']} (${d['interface']}): conflicts with network ${d['otherId']} (${d['interface']}): networks have same bridge name` },
  'network.interface_name_long': { kind: 'system', text: () => 'numerical result out of range' },
  'network.endpoint_exists': { kind: 'forbidden', text: (d) => `endpoint with name ${d['container']} already exists in network ${d['network']}` },
  'network.not_connected': { kind: 'system', text: (d) => `container ${d['id']} is not connected to network ${d['network']}` },
  'network.stopped_not_connected': { kind: 'system', text: (d) => `container ${d['id']} is not connected to the network ${d['network']}` },
  'network.endpoint_not_found': { kind: 'notFound', text: (d) => `endpoint ${d['name']} not found` },
  'network.connect_host': { kind: 'invalid', text: () => 'cannot connect container to host network - container must be created in host network mode' },
  'network.disconnect_host': { kind: 'invalid', text: () => 'cannot disconnect container from host network - container was created in host network mode' },
  'network.private_mode': { kind: 'invalid', text: () => 'container cannot be connected to multiple networks with one of the networks in private (none) mode' },
  'network.shared_mode': { kind: 'invalid', text: () => 'container sharing network namespace with another container or host cannot be connected to any other network' },
} as const satisfies Record<string, ErrorRow>;
