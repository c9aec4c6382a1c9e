/**
 * The nftables tables of an engine, one per address family, in nft's language (of version 1.0.6 on). They
 * touch only traffic of the engine's own bridges and ports: engines side by side, and whatever else filters
 * packets, keep their own tables. The chain `admin` belongs to the administrator and is never changed.
 */
import type { GatewayMode } from './gateway-mode.ts';

export interface FirewallFamily {
  /** In CIDR notation. */
  readonly subnet: string;
  readonly mode: GatewayMode;
  /** What leaves the bridge gets the host's address. */
  readonly masquerade: boolean;
  /** Which one; empty: that of the interface it leaves by. */
  readonly source: string;
}

export interface FirewallBridge {
  readonly interface: string;
  /** Nothing passes between its containers and the outside. */
  readonly internal: boolean;
  /** Interfaces from which published ports can be reached at the containers' own addresses. */
  readonly trusted: readonly string[];
  readonly four: FirewallFamily | undefined;
  readonly six: FirewallFamily | undefined;
}

export interface FirewallElements {
  readonly ports: readonly string[];
  readonly addressPorts: readonly string[];
  readonly openPorts: readonly string[];
}

/** The chain that only the administrator writes. */
export const adminChain = 'admin';

type Family = 4 | 6;
const families = { 4: { name: 'ip', address: 'ipv4_addr', loopback: '127.0.0.0/8', icmp: 'icmp' }, 6: { name: 'ip6', address: 'ipv6_addr', loopback: '::1', icmp: 'ipv6-icmp' } } as const;

/**
 * Makes a family's table, or brings the one that is there to this very state, in one transaction. What is
 * in chain {@link adminChain}, and whatever else others have put into the table, stays.
 */
export function firewallRuleset(options: {
  readonly table: string;
  readonly family: Family;
  readonly bridges: readonly FirewallBridge[];
  /** Whether the kernel can translate connections to 127.0.0.0/8 (`route_localnet`); never those to `::1`. */
  readonly loopback: boolean;
  readonly elements: FirewallElements;
}): string {
  const { table, family, bridges, elements } = options;
  const { name: ip, address } = families[family];
  const entries = bridges.flatMap((bridge) => entriesOf(bridge, family));
  const maps: readonly (readonly [string, string, readonly string[]])[] = [
    ['map ports', `type inet_proto . inet_service : ${address} . inet_service;`, elements.ports],
    ['map address_ports', `type ${address} . inet_proto . inet_service : ${address} . inet_service;`, elements.addressPorts],
    ['set open_ports', `type ${address} . inet_proto . inet_service;`, elements.openPorts],
    ['set bridges', 'type ifname;', bridges.filter((bridge) => part(bridge, family) !== undefined).map((bridge) => `"${bridge.interface}"`)],
    ...(['from_bridge', 'to_bridge', 'from_subnet', 'back_to_bridge'] as const).map((map): [string, string, string[]] => [
      `map ${map}`,
      map === 'from_subnet' ? `type ${address} : verdict; flags interval;` : 'type ifname : verdict;',
      entries.filter((entry) => entry.map === map).map(({ key, chain }) => `${key} : jump ${chain}`),
    ]),
  ];
  const chains = ownChains(family, options.loopback);
  const own = [...Object.entries(chains), ...entries.map(({ chain, rules }) => [chain, { rules }] as const)];
  // Everything is added first, which changes nothing that is there, and only then emptied and filled.
  return [
    `add table ${ip} ${table}`,
    `add chain ${ip} ${table} ${adminChain}`,
    ...maps.map(([map, type]) => `add ${map.replace(' ', ` ${ip} ${table} `)} { ${type} }`),
    ...own.map(([name, chain]) => `add chain ${ip} ${table} ${name}${'hook' in chain && chain.hook !== undefined ? ` { ${chain.hook} }` : ''}`),
    ...own.map(([name]) => `flush chain ${ip} ${table} ${name}`),
    // Not emptied: nft cannot fill a map of intervals again in the same transaction.
    ...maps.flatMap(([map, type, list]) => [
      `delete ${map.replace(' ', ` ${ip} ${table} `)}`,
      `add ${map.replace(' ', ` ${ip} ${table} `)} { ${type}${list.length === 0 ? '' : ` elements = { ${list.join(', ')} };`} }`,
    ]),
    ...own.flatMap(([name, { rules }]) => rules.map((rule) => `add rule ${ip} ${table} ${name} ${rule}`)),
    '',
  ].join('\n');
}

interface OwnChain {
  readonly hook?: string;
  readonly rules: readonly string[];
}

/** The chains that are always there. */
function ownChains(family: Family, translatesLoopback: boolean): Record<string, OwnChain> {
  const { name: ip, loopback } = families[family];
  return {
    publish: { rules: [`dnat ${ip} to ${ip} daddr . meta l4proto . th dport map @address_ports`, `dnat ${ip} to meta l4proto . th dport map @ports`] },
    guard: { hook: 'type filter hook prerouting priority -300; policy accept;', rules: [`iifname != "lo" ${ip} daddr ${loopback} drop`] },
    prerouting: { hook: 'type nat hook prerouting priority -100; policy accept;', rules: [`${ip} daddr != ${loopback} fib daddr type local jump publish`] },
    output: { hook: 'type nat hook output priority -100; policy accept;', rules: [`${translatesLoopback && family === 4 ? '' : `${ip} daddr != ${loopback} `}fib daddr type local jump publish`] },
    postrouting: { hook: 'type nat hook postrouting priority 100; policy accept;', rules: [`${ip} saddr vmap @from_subnet`, 'oifname vmap @back_to_bridge'] },
    forward: { hook: 'type filter hook forward priority 0; policy accept;', rules: [`jump ${adminChain}`, 'iifname vmap @from_bridge', 'oifname vmap @to_bridge'] },
  };
}

/** How many rules the engine's own chains have of a family: what is missing was taken away by somebody. */
export function ownRules(bridges: readonly FirewallBridge[], family: Family): ReadonlyMap<string, number> {
  const own = [...Object.entries(ownChains(family, true)), ...bridges.flatMap((bridge) => entriesOf(bridge, family)).map(({ chain, rules }) => [chain, { rules }] as const)];
  return new Map(own.map(([name, { rules }]) => [name, rules.length]));
}

/** Takes a family's table away altogether. */
export function tableRemoval(table: string, family: Family): string {
  const { name } = families[family];
  return `add table ${name} ${table}\ndelete table ${name} ${table}\n`;
}

/** Adds a bridge's own chains and its entries in the maps that lead to them. */
export function bridgeRules(table: string, bridge: FirewallBridge): string {
  return familiesOf(bridge).map((family) => {
    const ip = families[family].name;
    return [
      `add element ${ip} ${table} bridges { "${bridge.interface}" }`,
      ...entriesOf(bridge, family).flatMap(({ map, key, chain, rules }) => [
        `add chain ${ip} ${table} ${chain}`,
        `flush chain ${ip} ${table} ${chain}`,
        ...rules.map((rule) => `add rule ${ip} ${table} ${chain} ${rule}`),
        `add element ${ip} ${table} ${map} { ${key} : jump ${chain} }`,
      ]),
      '',
    ].join('\n');
  }).join('');
}

/** Takes away what {@link bridgeRules} added. */
export function bridgeRemoval(table: string, bridge: FirewallBridge): string {
  return familiesOf(bridge).map((family) => {
    const ip = families[family].name;
    const entries = entriesOf(bridge, family);
    return [
      `delete element ${ip} ${table} bridges { "${bridge.interface}" }`,
      ...entries.map(({ map, key }) => `delete element ${ip} ${table} ${map} { ${key} }`),
      ...entries.flatMap(({ chain }) => [`flush chain ${ip} ${table} ${chain}`, `delete chain ${ip} ${table} ${chain}`]),
      '',
    ].join('\n');
  }).join('');
}

function part(bridge: FirewallBridge, family: Family): FirewallFamily | undefined {
  return family === 4 ? bridge.four : bridge.six;
}

function familiesOf(bridge: FirewallBridge): Family[] {
  return ([4, 6] as const).filter((family) => part(bridge, family) !== undefined);
}

/** A map entry that leads to a chain of a bridge's own. */
interface ChainEntry {
  readonly map: string;
  readonly key: string;
  readonly chain: string;
  readonly rules: readonly string[];
}

function entriesOf(bridge: FirewallBridge, family: Family): ChainEntry[] {
  const own = part(bridge, family);
  if (own === undefined) return [];
  const plain = bridge.interface;
  const name = `"${plain}"`;
  if (bridge.internal) {
    return [
      { map: 'from_bridge', key: name, chain: `from_${plain}`, rules: [`oifname != ${name} drop`] },
      { map: 'to_bridge', key: name, chain: `to_${plain}`, rules: [`iifname ${name} accept`, 'drop'] },
    ];
  }
  const { name: ip, loopback } = families[family];
  const leaving = own.source === '' ? 'masquerade' : `snat to ${own.source}`;
  return [
    { map: 'to_bridge', key: name, chain: `to_${plain}`, rules: rulesTowards(bridge, own, family) },
    // Answers must come back through this host to be translated back.
    { map: 'back_to_bridge', key: name, chain: `back_to_${plain}`, rules: [`${ip} saddr { ${loopback}, ${own.subnet} } ct status dnat masquerade`] },
    ...(own.masquerade ? [{ map: 'from_subnet', key: own.subnet, chain: `leave_${plain}`, rules: [`oifname != ${name} ${leaving}`] }] : []),
  ];
}

/** What may be forwarded to a bridge's containers. */
function rulesTowards(bridge: FirewallBridge, { mode }: FirewallFamily, family: Family): string[] {
  const { name: ip, icmp } = families[family];
  const published = `${ip} daddr . meta l4proto . th dport @open_ports accept`;
  const trusted = bridge.trusted.length === 0 ? [] : [`iifname { ${bridge.trusted.map((name) => `"${name}"`).join(', ')} } ${published}`];
  const byMode: Record<GatewayMode, readonly string[]> = {
    nat: [...trusted, 'drop'],
    'nat-unprotected': ['iifname @bridges drop', 'accept'],
    routed: [`meta l4proto ${icmp} accept`, published, 'drop'],
    isolated: ['drop'],
  };
  return ['ct state established,related accept', `iifname "${bridge.interface}" accept`, 'ct status dnat accept', ...byMode[mode]];
}
