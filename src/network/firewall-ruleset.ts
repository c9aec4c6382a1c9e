/**
 * The nftables tables of an engine, one per address family, in nft's language (of version 1.0.6 on). They
 * touch only traffic of the engine's own bridges and ports: engines side by side, and whatever else filters
 * packets, keep their own tables. The chain `admin` belongs to the administrator and is never changed.
 */
import { interfaceKey, prefixMask, ruleText, type Rule, type RuleMatch } from '#kernel/nftables/rule.ts';
import { elementField } from '#kernel/nftables/netfilter-socket.ts';
import type { MapElement, NetfilterTransaction } from '#kernel/nftables/transaction.ts';
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
  /** Its containers do not reach each other. */
  readonly apart: boolean;
  /** Interfaces from which published ports can be reached at the containers' own addresses. */
  readonly trusted: readonly string[];
  /** Published ports can be reached at the containers' own addresses from everywhere but other bridges. */
  readonly direct?: boolean;
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
const families = { 4: { name: 'ip', address: 'ipv4_addr', loopback: '127.0.0.0/8', loopbackLength: 8, icmp: 1 }, 6: { name: 'ip6', address: 'ipv6_addr', loopback: '::1', loopbackLength: 128, icmp: 58 } } as const;

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
    ...(['bridges', 'apart'] as const).map((set): [string, string, string[]] => [
      `set ${set}`, 'type ifname;', bridges.filter((bridge) => part(bridge, family) !== undefined && setsOf(bridge).includes(set)).map((bridge) => `"${bridge.interface}"`),
    ]),
    ...(['from_bridge', 'to_bridge', 'from_subnet', 'back_to_bridge'] as const).map((map): [string, string, string[]] => [
      `map ${map}`,
      map === 'from_subnet' ? `type ${address} : verdict; flags interval;` : 'type ifname : verdict;',
      entries.filter((entry) => entry.map === map).map(({ key, chain }) => `${typeof key === 'string' ? `"${key}"` : key.subnet} : jump ${chain}`),
    ]),
  ];
  const chains = ownChains(family, options.loopback);
  const own = [...Object.entries(chains), ...entries.map(({ chain, rules }) => [chain, { rules: rules.map((rule) => ruleText(rule, family)) }] as const)];
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
    // Translated within its bridge a packet would meet the wall between the containers; the relays take it round.
    prerouting: { hook: 'type nat hook prerouting priority -100; policy accept;', rules: [`iifname != @apart ${ip} daddr != ${loopback} fib daddr type local jump publish`] },
    output: { hook: 'type nat hook output priority -100; policy accept;', rules: [`${translatesLoopback && family === 4 ? '' : `${ip} daddr != ${loopback} `}fib daddr type local jump publish`] },
    postrouting: { hook: 'type nat hook postrouting priority 100; policy accept;', rules: [`${ip} saddr vmap @from_subnet`, 'oifname vmap @back_to_bridge'] },
    forward: { hook: 'type filter hook forward priority 0; policy accept;', rules: [`jump ${adminChain}`, 'iifname vmap @from_bridge', 'oifname vmap @to_bridge'] },
  };
}

/** How many rules the engine's own chains have of a family: what is missing was taken away by somebody. */
export function ownRules(bridges: readonly FirewallBridge[], family: Family): ReadonlyMap<string, number> {
  const chains = Object.entries(ownChains(family, true)).map(([name, { rules }]) => [name, rules.length] as const);
  return new Map([...chains, ...bridges.flatMap((bridge) => entriesOf(bridge, family)).map(({ chain, rules }) => [chain, rules.length] as const)]);
}

/** Takes a family's table away altogether. */
export function tableRemoval(table: string, family: Family): string {
  const { name } = families[family];
  return `add table ${name} ${table}\ndelete table ${name} ${table}\n`;
}

/** Takes away what leads packets into a family's table, and leaves in it what is the administrator's. */
export function chainRemoval(table: string, family: Family): string {
  const { name } = families[family];
  const own = Object.entries(ownChains(family, true)).reverse();
  return [
    ...own.map(([chain, { hook }]) => `add chain ${name} ${table} ${chain}${hook === undefined ? '' : ` { ${hook} }`}`),
    ...own.map(([chain]) => `flush chain ${name} ${table} ${chain}`),
    ...own.map(([chain]) => `delete chain ${name} ${table} ${chain}`),
    '',
  ].join('\n');
}

/** Adds a bridge's own chains and its entries in the maps that lead to them. */
export function addBridgeRules(transaction: NetfilterTransaction, bridge: FirewallBridge): void {
  for (const family of familiesOf(bridge)) {
    const entries = entriesOf(bridge, family);
    for (const { chain, rules } of entries) transaction.setChain(family, chain, rules);
    transaction.addElements([...membershipsOf(bridge, family), ...entries.flatMap((entry) => elementsOf(entry, family))]);
  }
}

/** Takes away what {@link addBridgeRules} added. */
export function removeBridgeRules(transaction: NetfilterTransaction, bridge: FirewallBridge): void {
  for (const family of familiesOf(bridge)) {
    const entries = entriesOf(bridge, family);
    transaction.removeElements([...membershipsOf(bridge, family), ...entries.flatMap((entry) => elementsOf(entry, family))]);
    for (const { chain } of entries) transaction.removeChain(family, chain);
  }
}

/** The sets of bridges that it is in. */
function setsOf({ apart }: FirewallBridge): ('bridges' | 'apart')[] {
  return apart ? ['bridges', 'apart'] : ['bridges'];
}

function membershipsOf(bridge: FirewallBridge, family: Family): MapElement[] {
  return setsOf(bridge).map((map) => ({ family, map, key: interfaceKey(bridge.interface), value: undefined }));
}

/** What leads to the chain: one element for an interface, two for an interval. */
function elementsOf({ map, key, chain }: ChainEntry, family: Family): MapElement[] {
  if (typeof key === 'string') return [{ family, map, key: interfaceKey(key), value: { chain } }];
  const { address, prefixLength } = subnetParts(key.subnet);
  const first = elementField.address(address);
  const behind = behindSubnet(first, prefixLength);
  return [{ family, map, key: first, value: { chain } }, ...(behind === undefined ? [] : [{ family, map, key: behind, value: undefined, intervalEnd: true }])];
}

/** The address that follows a subnet's last one; undefined: there is none. */
function behindSubnet(first: Buffer, prefixLength: number): Buffer | undefined {
  const mask = prefixMask(prefixLength, first.length);
  const behind = Buffer.from(first.map((byte, index) => byte | (~(mask[index] ?? 0) & 0xff)));
  for (let index = behind.length - 1; index >= 0; index--) {
    const byte = ((behind[index] ?? 0) + 1) & 0xff;
    behind[index] = byte;
    if (byte !== 0) return behind;
  }
  return undefined;
}

function subnetParts(subnet: string): { address: string; prefixLength: number } {
  const slash = subnet.indexOf('/');
  return { address: subnet.slice(0, slash), prefixLength: Number(subnet.slice(slash + 1)) };
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
  /** An interface's name or a subnet. */
  readonly key: string | { readonly subnet: string };
  readonly chain: string;
  readonly rules: readonly Rule[];
}

const isKnown: RuleMatch = { kind: 'known' };
const isTranslated: RuleMatch = { kind: 'translated' };
const drop: Rule = { matches: [], verdict: 'drop' };
const fromBridges: Rule = { matches: [{ kind: 'interfaceSet', set: 'bridges' }], verdict: 'drop' };
const came = (name: string): RuleMatch => ({ kind: 'interface', direction: 'in', name });
const leavesElsewhere = (name: string): RuleMatch => ({ kind: 'interface', direction: 'out', name, other: true });

function entriesOf(bridge: FirewallBridge, family: Family): ChainEntry[] {
  const own = part(bridge, family);
  if (own === undefined) return [];
  const name = bridge.interface;
  if (bridge.internal) {
    return [
      { map: 'from_bridge', key: name, chain: `from_${name}`, rules: [{ matches: [leavesElsewhere(name)], verdict: 'drop' }] },
      { map: 'to_bridge', key: name, chain: `to_${name}`, rules: [{ matches: [came(name)], verdict: 'accept' }, drop] },
    ];
  }
  const { loopback, loopbackLength } = families[family];
  const sources = [{ address: loopback.split('/', 1)[0] ?? '', prefixLength: loopbackLength }, subnetParts(own.subnet)];
  return [
    { map: 'to_bridge', key: name, chain: `to_${name}`, rules: rulesTowards(bridge, own, family) },
    // Answers must come back through this host to be translated back.
    { map: 'back_to_bridge', key: name, chain: `back_to_${name}`, rules: sources.map((source): Rule => ({ matches: [{ kind: 'source', ...source }, isTranslated], verdict: 'masquerade' })) },
    ...(own.masquerade ? [{ map: 'from_subnet', key: { subnet: own.subnet }, chain: `leave_${name}`, rules: [{ matches: [leavesElsewhere(name)], verdict: own.source === '' ? 'masquerade' as const : { source: own.source } }] }] : []),
  ];
}

/** What may be forwarded to a bridge's containers. */
function rulesTowards(bridge: FirewallBridge, { mode }: FirewallFamily, family: Family): Rule[] {
  const accept = (...matches: RuleMatch[]): Rule => ({ matches, verdict: 'accept' });
  const isPublished: RuleMatch = { kind: 'destinationSet', set: 'open_ports' };
  const byMode: Record<GatewayMode, readonly Rule[]> = {
    nat: [...bridge.trusted.map((name) => accept(came(name), isPublished)), ...(bridge.direct === true ? [fromBridges, accept(isPublished)] : []), drop],
    'nat-unprotected': [fromBridges, accept()],
    routed: [accept({ kind: 'protocol', number: families[family].icmp }), accept(isPublished), drop],
    isolated: [drop],
  };
  return [accept(isKnown), accept(came(bridge.interface)), accept(isTranslated), ...byMode[mode]];
}
