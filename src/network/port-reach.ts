/** Who can reach published ports, from the machine's addresses and the chains that packets have to pass. Pure. */
import { BlockList, isIPv6 } from 'node:net';
import type { FirewallChain } from '#kernel/nftables/filter-chains.ts';
import type { PortBinding, PortMap } from '#schema/container-config.ts';
import type { PortFirewallChain, PortReach } from '#schema/port-reach.ts';
import { adminChain } from './firewall-ruleset.ts';

/** Tables of engines side by side touch nothing but their own bridges. */
const enginePrefix = 'dhow_';
/** More addresses are not listed in one sentence. */
const addressesTold = 3;

export interface ReachCircumstances {
  readonly ports: PortMap;
  /** The machine's own, without those of container networks. */
  readonly hostAddresses: readonly string[];
  readonly chains: readonly FirewallChain[];
  /** Name of this engine's tables. */
  readonly table: string;
  /** Whether the kernel passes packets to this binding on to the container. */
  readonly translates: (binding: PortBinding, port: string) => boolean;
}

const reserved = (subnets: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[]): BlockList => {
  const list = new BlockList();
  for (const subnet of subnets) list.addSubnet(...subnet);
  return list;
};
const loopback = reserved([['127.0.0.0', 8, 'ipv4'], ['::1', 128, 'ipv6']]);
/** RFC 1918, 3927, 4193, 4291, 6598: what routers of the internet pass nothing to. */
const local = reserved([
  ['10.0.0.0', 8, 'ipv4'], ['172.16.0.0', 12, 'ipv4'], ['192.168.0.0', 16, 'ipv4'], ['169.254.0.0', 16, 'ipv4'], ['100.64.0.0', 10, 'ipv4'],
  ['fc00::', 7, 'ipv6'], ['fe80::', 10, 'ipv6'],
]);

export function reachOf({ ports, hostAddresses, chains, table, translates }: ReachCircumstances): PortReach[] {
  return Object.entries(ports).flatMap(([Port, bindings]) => (bindings ?? []).map((binding): PortReach => {
    const six = isIPv6(binding.HostIp);
    const everywhere = binding.HostIp === '0.0.0.0' || binding.HostIp === '::';
    const own = hostAddresses.filter((address) => isIPv6(address) === six);
    const Addresses = (everywhere ? own : [binding.HostIp]).filter((address) => !isIn(loopback, address));
    const Reach = Addresses.length === 0 ? 'loopback' : Addresses.every((address) => isIn(local, address)) ? 'local' : 'everyone';
    const Path = translates(binding, Port) ? 'forward' : 'input';
    const passed = chains.filter(({ family, hook }) => hook === Path && (family === 'inet' || (family === 'ip6') === six));
    const Firewall = [...ownChains(chains, table, Path, six), ...passed.filter((chain) => !chain.table.startsWith(enginePrefix)).map((chain) => view(chain, ownerOf(chain, chains)))];
    const shown = Reach === 'loopback' ? [] : Firewall;
    return { Port, HostIp: binding.HostIp, HostPort: binding.HostPort, Reach, Addresses, Path, Firewall: shown, Summary: summaryOf(Reach, Addresses, shown) };
  }));
}

/** The engine's chain of its forwarded packets, and the administrator's where it says something. */
function ownChains(chains: readonly FirewallChain[], table: string, path: PortReach['Path'], six: boolean): PortFirewallChain[] {
  if (path !== 'forward') return [];
  const mine = chains.filter((chain) => chain.table === table && chain.family === (six ? 'ip6' : 'ip'));
  return mine.flatMap((chain) => {
    if (chain.chain === adminChain && chain.rules > 0) return [view(chain, 'admin')];
    return chain.hook === path ? [view(chain, 'engine')] : [];
  });
}

function ownerOf({ family, table, chain }: FirewallChain, chains: readonly FirewallChain[]): PortFirewallChain['Owner'] {
  if (table === 'firewalld') return 'firewalld';
  const isIptables = family !== 'inet' && ['filter', 'mangle', 'raw', 'security', 'nat'].includes(table) && chain === chain.toUpperCase();
  if (!isIptables) return 'nftables';
  return chains.some((other) => other.table === table && other.chain.startsWith(family === 'ip6' ? 'ufw6-' : 'ufw-')) ? 'ufw' : 'iptables';
}

function view({ family, table, chain, policy, rules }: FirewallChain, Owner: PortFirewallChain['Owner']): PortFirewallChain {
  return { Table: `${family} ${table}`, Chain: chain, Owner, Policy: policy, Rules: rules };
}

function summaryOf(reach: PortReach['Reach'], addresses: readonly string[], chains: readonly PortFirewallChain[]): string {
  if (reach === 'loopback') return 'this machine alone';
  const who = reach === 'local' ? 'the local network' : 'everyone';
  const others = chains.filter(({ Owner }) => Owner !== 'engine');
  const closed = others.find(({ Policy, Rules }) => Policy === 'drop' && Rules === 0);
  if (closed !== undefined) return `this machine alone: chain ${closed.Chain} of table ${closed.Table} (${closed.Owner}) drops everything`;
  const deciding = others.filter(({ Policy, Rules }) => Policy === 'drop' || Rules > 0);
  const told = addresses.length > addressesTold ? `${addresses.slice(0, addressesTold).join(', ')} and ${addresses.length - addressesTold} more addresses` : addresses.join(', ');
  const at = `${who}, at ${told}`;
  if (deciding.length > 0) {
    return `${at}, where ${deciding.map(({ Table, Chain, Owner, Policy }) => `chain ${Chain} of table ${Table} (${Owner}, policy ${Policy})`).join(' and ')} let${deciding.length === 1 ? 's' : ''} it pass`;
  }
  const own = chains.find(({ Owner }) => Owner === 'engine');
  return own === undefined ? `${at}: no firewall stands before it` : `${at}: chain ${own.Chain} of table ${own.Table} lets published ports pass, and no other firewall stands before it`;
}

function isIn(list: BlockList, address: string): boolean {
  return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
