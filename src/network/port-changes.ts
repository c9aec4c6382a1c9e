/** What publishing and withdrawing ports makes of what a container asks for, and which of its bound ports go. Pure. */
import { EngineError, fail } from '#base/errors/failure.ts';
import type { PortBinding, PortMap } from '#schema/container-config.ts';
import { normalizeAddress, parseContainerPort, portRangeOf } from './port-specification.ts';

export interface PortWishes {
  readonly exposedPorts: readonly string[];
  readonly portBindings: PortMap;
  readonly publishAll: boolean;
}

export interface PortChange {
  readonly add: PortMap;
  /** By port of the container; of a binding what is empty stands for anything, and no binding for all. */
  readonly remove: PortMap;
}

/**
 * @param bound the ports of the running container as they are bound; none when it does not run
 * @returns the wishes afterwards, and which of the bound ports are to be given back
 * @throws network.port_not_published when nothing is there that `remove` asks for
 */
export function applyPortChange(container: string, wishes: PortWishes, bound: PortMap, change: PortChange): { wishes: PortWishes; withdrawn: PortMap } {
  const after = new Map(everyPort(wishes, bound));
  const withdrawn: PortMap = {};
  let { publishAll } = wishes;
  for (const [key, wanted] of Object.entries(change.remove)) {
    const port = canonicalPort(key);
    const pairs = after.get(port) ?? [];
    for (const pattern of wanted === null || wanted.length === 0 ? [{ HostIp: '', HostPort: '' }] : wanted) {
      const going = pairs.filter((pair) => fits(pattern, pair));
      if (going.length === 0) throw fail('network.port_not_published', { container, binding: bindingText(port, pattern), published: publishedText(after) });
      // Ports published because all are would come again: from now on each is named.
      if (going.some(({ automatic }) => automatic)) publishAll = false;
      for (const pair of going) {
        pairs.splice(pairs.indexOf(pair), 1);
        if (pair.bound.length > 0) (withdrawn[port] ??= []).push(...pair.bound);
      }
    }
  }
  const portBindings: PortMap = {};
  for (const [port, pairs] of after) {
    const kept = pairs.filter(({ automatic }) => !automatic || publishAll !== wishes.publishAll).map(({ asked }) => asked);
    if (kept.length > 0) portBindings[port] = kept;
  }
  for (const [key, bindings] of Object.entries(change.add)) (portBindings[canonicalPort(key)] ??= []).push(...(bindings ?? []));
  const exposedPorts = [...new Set([...wishes.exposedPorts.map(canonicalPort), ...Object.keys(change.add).map(canonicalPort)])];
  return { wishes: { exposedPorts, portBindings, publishAll }, withdrawn };
}

/** Host ports that bindings name, with their protocols. */
export function hostPortsOf(ports: PortMap): string[] {
  return Object.entries(ports).flatMap(([port, bindings]) => (bindings ?? []).map(({ HostPort }) => `${HostPort}/${port.split('/')[1] ?? 'tcp'}`));
}

/** Why ports of a running container cannot be had, as its owner is told; other errors as they are. */
export function portRefusal(error: unknown, container: string): unknown {
  if (!(error instanceof EngineError) || !error.code.startsWith('network.port_')) return error;
  const { address, port, protocol } = error.details;
  return fail('network.port_not_available', { ...error.details, container, binding: `${address}:${port}/${protocol}`, reason: error.details['reason'] ?? error.message }, error);
}

/** A wish with the bound ports that come from it. */
interface Pair {
  readonly asked: PortBinding;
  readonly bound: readonly PortBinding[];
  /** Nobody named it: all ports are published. */
  readonly automatic: boolean;
}

function everyPort({ exposedPorts, portBindings, publishAll }: PortWishes, bound: PortMap): [string, Pair[]][] {
  const ports = new Set([...exposedPorts, ...Object.keys(portBindings)].map(canonicalPort));
  return [...ports].map((port) => {
    const named = Object.entries(portBindings).flatMap(([key, list]) => (canonicalPort(key) === port ? (list ?? []) : []));
    const automatic = named.length === 0 && publishAll;
    return [port, pair(automatic ? [{ HostIp: '', HostPort: '' }] : named, bound[port] ?? [], automatic)];
  });
}

/** Exact wishes take theirs first, the others one host port each of what is left. */
function pair(asked: readonly PortBinding[], bound: readonly PortBinding[], automatic: boolean): Pair[] {
  let rest = [...bound];
  const exactFirst = asked.map((binding, index) => ({ binding, index })).sort((one, other) => Number(isOpen(one.binding)) - Number(isOpen(other.binding)));
  const pairs: Pair[] = [];
  for (const { binding, index } of exactFirst) {
    const candidates = rest.filter((real) => matches(binding, real));
    const taken = candidates.filter(({ HostPort }) => HostPort === candidates[0]?.HostPort);
    rest = rest.filter((real) => !taken.includes(real));
    pairs[index] = { asked: binding, bound: taken, automatic };
  }
  return pairs;
}

/** Whether the daemon chooses the host's port. */
function isOpen({ HostPort }: PortBinding): boolean {
  const { first, last } = portRangeOf(HostPort);
  return first === 0 || first !== last;
}

/** Whether the wish, or the pattern, leads to this bound port. */
function matches({ HostIp, HostPort }: PortBinding, real: PortBinding): boolean {
  const { first, last } = portRangeOf(HostPort);
  const number = Number(real.HostPort);
  const samePort = first === 0 || (number >= first && number <= last);
  return samePort && (HostIp === '' || normalizeAddress(HostIp) === real.HostIp);
}

function fits(pattern: PortBinding, { asked, bound }: Pair): boolean {
  if (bound.some((real) => matches(pattern, real))) return true;
  const samePort = pattern.HostPort === '' || pattern.HostPort === asked.HostPort;
  return samePort && (pattern.HostIp === '' || normalizeAddress(pattern.HostIp) === normalizeAddress(asked.HostIp));
}

function canonicalPort(key: string): string {
  const { number, protocol } = parseContainerPort(key);
  return `${number}/${protocol}`;
}

function bindingText(port: string, { HostIp, HostPort }: PortBinding): string {
  const address = HostIp === '' ? '' : `${HostIp.includes(':') ? `[${HostIp}]` : HostIp}:`;
  return HostPort === '' ? `${address === '' ? '' : `${address}:`}${port}` : `${address}${HostPort}:${port}`;
}

function publishedText(ports: ReadonlyMap<string, readonly Pair[]>): string {
  const texts = [...ports].flatMap(([port, pairs]) => pairs.flatMap(({ asked, bound }) => (bound.length === 0 ? [asked] : bound).map((binding) => bindingText(port, binding))));
  return texts.length === 0 ? 'it publishes no port' : `it publishes ${texts.join(', ')}`;
}
