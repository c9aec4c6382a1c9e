/** The `filters` of `GET /containers/json` and of prune, API 1.51, with Docker's errors. */
import { fail } from '#base/errors/failure.ts';
import type { ContainerStatus } from '#schema/container-config.ts';
import type { Filters } from '../contract.ts';
import type { ContainerRecord } from './container-record.ts';
import { isRunning } from './container-state.ts';
import { viewPorts } from './container-view.ts';

const listFilters = new Set([
  'ancestor', 'before', 'exited', 'expose', 'health', 'id', 'is-task', 'isolation', 'label', 'name', 'network', 'publish', 'since', 'status', 'volume',
]);
const statuses: readonly ContainerStatus[] = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];
const healths = ['none', 'starting', 'healthy', 'unhealthy'];

export interface FilterContext {
  readonly resolve: (reference: string) => ContainerRecord;
  /** Ids of the image of this name and of all images made from it; empty when there is none. */
  readonly imageFamily: (reference: string) => ReadonlySet<string>;
  /** Whether a network of this id or name is meant by `reference`. */
  readonly networkMatches: (record: ContainerRecord, reference: string) => boolean;
}

/** Whether one of the given labels' conditions fails. All must hold: `key` or `key=value`. */
export function matchesLabels(labels: Readonly<Record<string, string>>, wanted: readonly string[] | undefined): boolean {
  return (wanted ?? []).every((condition) => {
    const equals = condition.indexOf('=');
    if (equals < 0) return Object.hasOwn(labels, condition);
    return labels[condition.slice(0, equals)] === condition.slice(equals + 1);
  });
}

/** Makes the predicate and says whether stopped containers are meant too. @throws container.filter_invalid, container.not_found for before and since */
export function containerFilter(filters: Filters, context: FilterContext): { includesStopped: boolean; matches: (record: ContainerRecord) => boolean } {
  for (const name of Object.keys(filters)) {
    if (!listFilters.has(name)) throw fail('container.filter_invalid', { filter: name });
  }
  const exited = (filters['exited'] ?? []).map(exitCodeFilter);
  for (const status of filters['status'] ?? []) {
    if (!(statuses as readonly string[]).includes(status)) {
      const reason = `invalid value for state (${status}): must be one of ${statuses.join(', ')}`;
      throw fail('container.filter_invalid', { filter: `status=${status}`, reason });
    }
  }
  for (const health of filters['health'] ?? []) {
    if (!healths.includes(health)) {
      throw fail('container.filter_invalid', { filter: `health=${health}`, reason: `invalid value for health (${health}): must be one of ${healths.join(', ')}` });
    }
  }
  const isTask = (filters['is-task'] ?? []).map((value) => booleanFilter('is-task', value));
  const before = (filters['before'] ?? []).map((reference) => context.resolve(reference));
  const since = (filters['since'] ?? []).map((reference) => context.resolve(reference));
  const families = filters['ancestor']?.map((reference) => context.imageFamily(reference));
  const names = filters['name']?.map(namePattern);
  const published = filters['publish']?.map((value) => portFilter('publish', value));
  const exposed = filters['expose']?.map((value) => portFilter('expose', value));

  const matches = (record: ContainerRecord): boolean => {
    if (names !== undefined && !names.some((matchesName) => matchesName(record.name))) return false;
    if (filters['id'] !== undefined && !filters['id'].some((prefix) => record.id.startsWith(prefix))) return false;
    if (!matchesLabels(record.config.Labels, filters['label'])) return false;
    if (filters['status'] !== undefined && !filters['status'].includes(record.state.status)) return false;
    if (exited.length > 0 && (!record.startedBefore || isRunning(record.state) || !exited.includes(record.state.exitCode))) return false;
    if (isTask.includes(true)) return false;
    if (filters['health'] !== undefined && !filters['health'].includes(record.state.health?.status ?? 'none')) return false;
    if (before.some((other) => record.created >= other.created)) return false;
    if (since.some((other) => record.created <= other.created)) return false;
    if (families !== undefined && !families.some((family) => family.has(record.imageId))) return false;
    if (filters['network'] !== undefined && !filters['network'].some((reference) => context.networkMatches(record, reference))) return false;
    if (filters['volume'] !== undefined) {
      const held = record.mounts.flatMap(({ point }) => [point.Destination, point.Name ?? point.Source]);
      if (!filters['volume'].some((volume) => held.includes(volume))) return false;
    }
    if (published !== undefined || exposed !== undefined) {
      // One that matches either way is enough.
      const ports = viewPorts(record);
      const isPublished = published?.some((wanted) => ports.some(({ PublicPort, Type }) => PublicPort !== undefined && wanted(PublicPort, Type))) ?? false;
      const isExposed = exposed?.some((wanted) => ports.some(({ PrivatePort, Type }) => wanted(PrivatePort, Type))) ?? false;
      if (!isPublished && !isExposed) return false;
    }
    return true;
  };
  const includesStopped = filters['status'] !== undefined || exited.length > 0 || before.length > 0 || since.length > 0;
  return { includesStopped, matches };
}

function exitCodeFilter(value: string): number {
  if (!/^[+-]?\d+$/.test(value)) {
    throw fail('container.filter_invalid', { filter: `exited=${value}`, reason: `strconv.Atoi: parsing "${value}": invalid syntax` });
  }
  return Number(value);
}

function booleanFilter(name: string, value: string): boolean {
  if (/^(1|true)$/i.test(value)) return true;
  if (/^(0|false)$/i.test(value)) return false;
  throw fail('container.filter_invalid', { filter: `${name}=[${value}]` });
}

/** Docker matches names as regular expressions, with and without the slash; a pattern that is none matches nothing. */
function namePattern(pattern: string): (name: string) => boolean {
  let expression: RegExp;
  try {
    expression = new RegExp(pattern);
  } catch {
    return () => false;
  }
  return (name) => expression.test(name) || expression.test(`/${name}`);
}

/** `80`, `80/udp`, `8000-8010/tcp`. @throws container.port_filter_invalid */
function portFilter(filter: string, value: string): (port: number, protocol: string) => boolean {
  if (value.includes(':')) throw fail('container.port_filter_invalid', { message: `filter for '${filter}' should not contain ':': ${value}` });
  const refuse = (reason: string): Error => fail('container.port_filter_invalid', { message: `error while looking up for ${filter} ${value}: ${reason}` });
  const [range = '', protocol = 'tcp'] = value.split('/');
  if (range === '') throw refuse('empty string specified for ports.');
  const [first = 0, last = first] = range.split('-').slice(0, 2).map((text) => {
    if (!/^\d+$/.test(text)) throw refuse(`strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
    if (Number(text) > 65_535) throw refuse(`strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range`);
    return Number(text);
  });
  if (last < first) throw refuse(`Invalid range specified for the Port: ${range}`);
  return (port, kind) => kind === protocol && port >= first && port <= last;
}
