/**
 * The one nftables table of an engine, in nft's language (of version 1.0.6 on). It touches only traffic of
 * its own bridges and ports: engines side by side, and whatever else filters packets, keep their own tables.
 */
import { formatSubnet, type Subnet } from './ipv4-subnet.ts';

export interface FirewallBridge {
  readonly interface: string;
  readonly subnet: Subnet;
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
  const quoted = (name: string): string => `"${name}"`;
  const lines = (make: (bridge: FirewallBridge) => string[]): string => bridges.flatMap(make).map((line) => `\t\t${line}`).join('\n');
  const elements = (list: readonly string[]): string => (list.length === 0 ? '' : `\n\t\telements = { ${list.join(', ')} }`);
  return `add table ip ${table}
delete table ip ${table}
table ip ${table} {
	map ports {
		type inet_proto . inet_service : ipv4_addr . inet_service${elements(options.ports)}
	}
	map address_ports {
		type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service${elements(options.addressPorts)}
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
${lines(({ interface: name, subnet }) => [
    `ip saddr ${formatSubnet(subnet)} oifname != ${quoted(name)} masquerade`,
    // Answers must come back through this host to be translated back.
    `ip saddr { 127.0.0.0/8, ${formatSubnet(subnet)} } oifname ${quoted(name)} ct status dnat masquerade`,
  ])}
	}
	chain forward {
		type filter hook forward priority 0; policy accept;
${lines(({ interface: name }) => [
    `oifname ${quoted(name)} ct state established,related accept`,
    `iifname ${quoted(name)} oifname ${quoted(name)} accept`,
    `oifname ${quoted(name)} ct status dnat accept`,
    `oifname ${quoted(name)} drop`,
  ])}
	}
}
`;
}
