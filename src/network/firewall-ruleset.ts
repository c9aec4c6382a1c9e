/**
 * The one nftables table of an engine, in nft's language (of version 1.0.6 on). It touches only traffic of
 * its own bridges and ports: engines side by side, and whatever else filters packets, keep their own tables.
 */
import { formatSubnet, type Subnet } from './ipv4-subnet.ts';

export interface FirewallBridge {
  readonly interface: string;
  readonly subnet: Subnet;
  /** Nothing passes between its containers and the outside. */
  readonly internal: boolean;
  /** What leaves the bridge gets the host's address. */
  readonly masquerade: boolean;
}

/** Makes, or replaces in one transaction, the table; `elements` are the ports published already. */
export function firewallRuleset(options: {
  readonly table: string;
  readonly bridges: readonly FirewallBridge[];
  /** Whether the kernel can translate connections to 127.0.0.0/8 (`route_localnet`). */
  readonly loopback: boolean;
  readonly ports: readonly string[];
  readonly addressPorts: readonly string[];
}): string {
  const { table, bridges } = options;
  const elements = (list: readonly string[]): string => (list.length === 0 ? '' : `\n\t\telements = { ${list.join(', ')} }`);
  const entries = bridges.flatMap(entriesOf);
  const leading = (map: string): string => elements(entries.filter((entry) => entry.map === map).map(({ key, chain }) => `${key} : jump ${chain}`));
  return `add table ip ${table}
delete table ip ${table}
table ip ${table} {
	map ports {
		type inet_proto . inet_service : ipv4_addr . inet_service${elements(options.ports)}
	}
	map address_ports {
		type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service${elements(options.addressPorts)}
	}
	map from_bridge {
		type ifname : verdict${leading('from_bridge')}
	}
	map to_bridge {
		type ifname : verdict${leading('to_bridge')}
	}
	map from_subnet {
		type ipv4_addr : verdict
		flags interval${leading('from_subnet')}
	}
	map back_to_bridge {
		type ifname : verdict${leading('back_to_bridge')}
	}
	chain publish {
		dnat ip to ip daddr . meta l4proto . th dport map @address_ports
		dnat ip to meta l4proto . th dport map @ports
	}
	chain guard {
		type filter hook prerouting priority -300; policy accept;
		iifname != "lo" ip daddr 127.0.0.0/8 drop
	}
	chain prerouting {
		type nat hook prerouting priority -100; policy accept;
		ip daddr != 127.0.0.0/8 fib daddr type local jump publish
	}
	chain output {
		type nat hook output priority -100; policy accept;
		${options.loopback ? '' : 'ip daddr != 127.0.0.0/8 '}fib daddr type local jump publish
	}
	chain postrouting {
		type nat hook postrouting priority 100; policy accept;
		ip saddr vmap @from_subnet
		oifname vmap @back_to_bridge
	}
	chain forward {
		type filter hook forward priority 0; policy accept;
		iifname vmap @from_bridge
		oifname vmap @to_bridge
	}
${entries.map(({ chain, rules }) => `\tchain ${chain} {\n${rules.map((rule) => `\t\t${rule}\n`).join('')}\t}\n`).join('')}}
`;
}

/** Adds a bridge's own chains and its entries in the maps that lead to them. */
export function bridgeRules(table: string, bridge: FirewallBridge): string {
  return entriesOf(bridge).map(({ map, key, chain, rules }) => [
    `add chain ip ${table} ${chain}`,
    ...rules.map((rule) => `add rule ip ${table} ${chain} ${rule}`),
    `add element ip ${table} ${map} { ${key} : jump ${chain} }`,
    '',
  ].join('\n')).join('');
}

/** Takes away what {@link bridgeRules} added. */
export function bridgeRemoval(table: string, bridge: FirewallBridge): string {
  const entries = entriesOf(bridge);
  return [
    ...entries.map(({ map, key }) => `delete element ip ${table} ${map} { ${key} }`),
    ...entries.flatMap(({ chain }) => [`flush chain ip ${table} ${chain}`, `delete chain ip ${table} ${chain}`]),
    '',
  ].join('\n');
}

/** A map entry that leads to a chain of a bridge's own. */
interface ChainEntry {
  readonly map: string;
  readonly key: string;
  readonly chain: string;
  readonly rules: readonly string[];
}

function entriesOf(bridge: FirewallBridge): ChainEntry[] {
  const plain = bridge.interface;
  const name = `"${plain}"`;
  const subnet = formatSubnet(bridge.subnet);
  if (bridge.internal) {
    return [
      { map: 'from_bridge', key: name, chain: `from_${plain}`, rules: [`oifname != ${name} drop`] },
      { map: 'to_bridge', key: name, chain: `to_${plain}`, rules: [`iifname ${name} accept`, 'drop'] },
    ];
  }
  const towards = ['ct state established,related accept', `iifname ${name} accept`, 'ct status dnat accept', 'drop'];
  return [
    { map: 'to_bridge', key: name, chain: `to_${plain}`, rules: towards },
    // Answers must come back through this host to be translated back.
    { map: 'back_to_bridge', key: name, chain: `back_to_${plain}`, rules: [`ip saddr { 127.0.0.0/8, ${subnet} } ct status dnat masquerade`] },
    ...(bridge.masquerade ? [{ map: 'from_subnet', key: subnet, chain: `leave_${plain}`, rules: [`oifname != ${name} masquerade`] }] : []),
  ];
}
