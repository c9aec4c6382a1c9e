/**
 * Reads ports and bindings as the Engine API writes them (`80/tcp`, `8000-8010`) and orders them into
 * groups that get the same host port, by Docker's rules.
 */
import { isIP, isIPv4 } from 'node:net';
import { fail } from '#base/errors/failure.ts';
import type { PortMap } from '#schema/container-config.ts';
import { formatAddress, parseAddress } from './ipv4-subnet.ts';

export type Protocol = 'tcp' | 'udp' | 'sctp';
export const protocolNumbers: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

export interface ContainerPort {
  readonly number: number;
  /** As written, lower case; may be none the engine knows. */
  readonly protocol: string;
}

/** Bindings of one container port to one host port or range, differing in host addresses only. */
export interface BindingGroup {
  readonly containerPort: number;
  readonly protocol: string;
  /** 0 and 0: any port of the ephemeral range. */
  readonly firstHostPort: number;
  readonly lastHostPort: number;
  /** '': every address of the host. */
  readonly hostAddresses: readonly string[];
}

/** `80/tcp` or `80`; what is no number counts as 0, as in Docker. */
export function parseContainerPort(text: string): ContainerPort {
  const { port, protocol } = splitProtocol(text);
  return { number: parsePort(port) ?? 0, protocol: protocol.toLowerCase() };
}

/** @throws network.invalid_port */
export function validatePortBindings(bindings: PortMap): void {
  for (const [key, list] of Object.entries(bindings)) {
    const { port } = splitProtocol(key);
    if (port !== '' && parsePort(port) === undefined) throw fail('network.invalid_port', { port });
    for (const binding of list ?? []) {
      if (parseHostPort(binding.HostPort) === undefined) throw fail('network.invalid_port', { port: binding.HostPort });
    }
  }
}

/** The bindings of exposed ports, ready to be made one group after the other. Ports that are not exposed are not published. */
export function groupBindings(exposedPorts: readonly string[], bindings: PortMap, publishAll: boolean): BindingGroup[] {
  const singles = exposedPorts.flatMap((key) => {
    const { number: containerPort, protocol } = parseContainerPort(key);
    const wanted = bindings[key] ?? [];
    const list = wanted.length === 0 && publishAll ? [{ HostIp: '', HostPort: '' }] : wanted;
    return list.map((binding) => {
      const { first, last } = parseHostPort(binding.HostPort) ?? { first: 0, last: 0 };
      return { containerPort, protocol, firstHostPort: first, lastHostPort: last, hostAddress: normalizeAddress(binding.HostIp) };
    });
  });
  // Exact host ports before ranges, which then find them taken.
  singles.sort((a, b) =>
    Number(isRange(a)) - Number(isRange(b)) ||
    a.containerPort - b.containerPort ||
    protocolOrder(a.protocol) - protocolOrder(b.protocol) ||
    a.firstHostPort - b.firstHostPort ||
    a.lastHostPort - b.lastHostPort ||
    compareAddresses(a.hostAddress, b.hostAddress));
  const groups: (BindingGroup & { hostAddresses: string[] })[] = [];
  for (const { hostAddress, ...single } of singles) {
    const group = groups.at(-1);
    const same = group !== undefined && group.containerPort === single.containerPort && group.protocol === single.protocol &&
      group.firstHostPort === single.firstHostPort && group.lastHostPort === single.lastHostPort;
    if (same) group.hostAddresses.push(hostAddress);
    else groups.push({ ...single, hostAddresses: [hostAddress] });
  }
  return groups;
}

/** An address as the kernel would print it: an IPv4 address written as IPv6 is IPv4, what is none at all is ''. */
export function normalizeAddress(text: string): string {
  // Neither does Go know an address with a zone.
  if (isIP(text) === 0 || text.includes('%')) return '';
  if (isIPv4(text)) return text;
  // The URL parser knows the one canonical form (RFC 5952).
  const canonical = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (mapped === null) return canonical;
  return formatAddress(Number.parseInt(`${mapped[1]}`, 16) * 65536 + Number.parseInt(`${mapped[2]}`, 16));
}

function splitProtocol(text: string): { port: string; protocol: string } {
  const [port = '', protocol = ''] = text.split('/');
  if (port === '') return { port: '', protocol: '' };
  return { port, protocol: protocol === '' ? 'tcp' : protocol };
}

function parsePort(text: string): number | undefined {
  if (!/^\d+$/.test(text) || Number(text) > 65535) return undefined;
  return Number(text);
}

function parseHostPort(text: string): { first: number; last: number } | undefined {
  const { port } = splitProtocol(text);
  if (port === '') return { first: 0, last: 0 };
  const [firstText = '', lastText] = port.split('-');
  const first = parsePort(firstText);
  const last = lastText === undefined ? first : parsePort(lastText);
  if (first === undefined || last === undefined || last < first) return undefined;
  return { first, last };
}

/** The host ports that a binding's text asks for; 0 and 0: any. */
export function portRangeOf(text: string): { first: number; last: number } {
  return parseHostPort(text) ?? { first: 0, last: 0 };
}

function isRange(binding: { firstHostPort: number; lastHostPort: number }): boolean {
  return binding.firstHostPort === 0 || binding.firstHostPort !== binding.lastHostPort;
}

function protocolOrder(protocol: string): number {
  return Object.hasOwn(protocolNumbers, protocol) ? protocolNumbers[protocol as Protocol] : 0;
}

/** None, then IPv4, then IPv6, each by value. */
function compareAddresses(one: string, other: string): number {
  const rank = (address: string): number => (address === '' ? 0 : isIPv4(address) ? 1 : 2);
  return rank(one) - rank(other) || (rank(one) === 1 ? (parseAddress(one) ?? 0) - (parseAddress(other) ?? 0) : one < other ? -1 : Number(one > other));
}
