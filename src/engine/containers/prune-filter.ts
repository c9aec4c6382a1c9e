/** The `filters` of the prune endpoints: `label`, `label!`, `until`. */
import { fail } from '#base/errors/failure.ts';
import { momentFault } from '#base/moment-fault.ts';
import { parsePastMoment } from '#base/past-moment.ts';
import { nowNanoseconds } from '#base/timestamp.ts';
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
  const moment = parsePastMoment(text, nowNanoseconds());
  if (moment === undefined) throw fail('api.invalid_parameter', { message: momentFault(text) });
  return moment;
}
