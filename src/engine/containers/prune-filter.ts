/** The `filters` of the prune endpoints: `label`, `label!`, `until`. */
import { fail } from '#base/errors/failure.ts';
import { parseGoDuration } from '#base/go-duration.ts';
import { nowNanoseconds, parseTimestamp } from '#base/timestamp.ts';
import type { Filters } from '../contract.ts';
import { matchesLabels } from './container-filters.ts';

const pruneFilters = new Set(['label', 'label!', 'until']);

/** @throws container.filter_invalid */
export function pruneFilter(filters: Filters): (candidate: { created: bigint; labels: Readonly<Record<string, string>> }) => boolean {
  for (const name of Object.keys(filters)) {
    if (!pruneFilters.has(name)) throw fail('container.filter_invalid', { filter: name });
  }
  const untils = filters['until'] ?? [];
  if (untils.length > 1) throw fail('api.invalid_parameter', { message: 'more than one until filter specified' });
  const until = untils[0] === undefined ? undefined : readUntil(untils[0]);
  return ({ created, labels }) => {
    if (until !== undefined && created > until) return false;
    if (!matchesLabels(labels, filters['label'])) return false;
    const refused = filters['label!'];
    return refused === undefined || !matchesLabels(labels, refused);
  };
}

/** A span before now (`24h`), a moment, or seconds since 1970. */
function readUntil(text: string): bigint {
  const span = parseGoDuration(text);
  if (span !== undefined) return nowNanoseconds() - span;
  if (/^\d+(\.\d+)?$/.test(text)) return BigInt(Math.trunc(Number(text) * 1e9));
  const moment = parseTimestamp(text) ?? parseTimestamp(`${text}Z`) ?? parseTimestamp(`${text}T00:00:00Z`);
  if (moment === undefined) throw fail('api.invalid_parameter', { message: `failed to parse value as time or duration: "${text}"` });
  return moment;
}
