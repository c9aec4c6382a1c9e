/** The filters of `GET /networks`, with Docker's rules and errors. */
import { fail } from '#base/errors/failure.ts';
import type { NetworkInspect } from '#schema/network-views.ts';
import { predefinedNetworks } from './network-record.ts';

const known: readonly string[] = ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'];

/** @throws network.invalid_filter and its kin */
export function filterNetworks(networks: readonly NetworkInspect[], filters: Readonly<Record<string, readonly string[]>>): NetworkInspect[] {
  for (const name of Object.keys(filters)) if (!known.includes(name)) throw fail('network.invalid_filter', { name });
  const values = (name: string): readonly string[] => filters[name] ?? [];
  const exactly = (name: string, text: string): boolean => values(name).length === 0 || values(name).includes(text);
  const matching = (name: string, text: string): boolean => values(name).length === 0 || values(name).some((value) => value === text || matchesPattern(value, text));
  const selected = networks.filter((network) =>
    exactly('driver', network.Driver) && matching('name', network.Name) && matching('id', network.Id) &&
    values('label').every((label) => hasLabel(network.Labels, label)) && exactly('scope', network.Scope));
  return byType(byUse(selected, values('dangling')), values('type'));
}

function byUse(networks: NetworkInspect[], values: readonly string[]): NetworkInspect[] {
  const [value, ...more] = values;
  if (value === undefined) return networks;
  if (more.length > 0) throw fail('network.repeated_filter', { name: 'dangling' });
  const unused = (network: NetworkInspect): boolean => !isPredefined(network) && Object.keys(network.Containers).length === 0;
  if (value === 'true' || value === '1') return networks.filter(unused);
  if (value === 'false' || value === '0') return networks.filter((network) => !unused(network));
  throw fail('network.invalid_filter_boolean', { name: 'dangling' });
}

function byType(networks: NetworkInspect[], values: readonly string[]): NetworkInspect[] {
  if (values.length === 0) return networks;
  return values.flatMap((value) => {
    if (value === 'builtin') return networks.filter(isPredefined);
    if (value === 'custom') return networks.filter((network) => !isPredefined(network));
    throw fail('network.invalid_filter_type', { value });
  });
}

function isPredefined(network: NetworkInspect): boolean {
  return predefinedNetworks.includes(network.Name);
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const [, name = '', value] = /^([^=]*)(?:=(.*))?$/s.exec(wanted) ?? [];
  return Object.hasOwn(labels, name) && (value === undefined || labels[name] === value);
}

function matchesPattern(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern).test(text);
  } catch (error) {
    // As in Docker, what is no pattern matches nothing.
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
