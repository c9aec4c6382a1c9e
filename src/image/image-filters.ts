/** Filters of image lists and of pruning, with Docker's rules and texts for wrong ones. */
import { fail } from '#base/errors/failure.ts';
import { momentFault } from '#base/moment-fault.ts';
import { parsePastMoment } from '#base/past-moment.ts';
import { nowNanoseconds, parseTimestamp } from '#base/timestamp.ts';
import type { CatalogImage } from './image-catalog.ts';
import type { ImageFilters } from './contract.ts';

/** @throws image.invalid_filter when a name is not among `accepted` */
export function checkFilterNames(filters: ImageFilters, accepted: readonly string[]): void {
  for (const name of Object.keys(filters)) if (!accepted.includes(name)) throw fail('image.invalid_filter', { name });
}

/** The truth value of a filter; `fallback` when it is not given. @throws image.invalid_filter */
export function booleanFilter(filters: ImageFilters, name: string, fallback: boolean): boolean {
  const values = filters[name];
  if (values === undefined) return fallback;
  if (values.length === 0) throw fail('image.invalid_filter', { name });
  const no = values.includes('0') || values.includes('false');
  const yes = values.includes('1') || values.includes('true');
  if (no === yes) throw fail('image.invalid_filter', { name, values });
  return yes;
}

/** Whether every `key` or `key=value` holds for the labels; true without any. */
export function matchesLabels(wanted: readonly string[] | undefined, labels: Readonly<Record<string, string>>): boolean {
  return (wanted ?? []).every((label) => {
    const equals = label.indexOf('=');
    const key = equals < 0 ? label : label.slice(0, equals);
    if (!Object.hasOwn(labels, key)) return false;
    return equals < 0 || labels[key] === label.slice(equals + 1);
  });
}

/** Nanoseconds since 1970. @throws image.until_invalid */
export function momentFilter(text: string): bigint {
  const moment = parsePastMoment(text, nowNanoseconds());
  if (moment === undefined) throw fail('image.until_invalid', { reason: momentFault(text) });
  return moment;
}

/** When an image was made; undefined where its configuration does not say. */
export function createdAt(image: CatalogImage): bigint | undefined {
  return image.configuration.created === undefined ? undefined : parseTimestamp(image.configuration.created);
}

/** The labels of an image; empty without any. */
export function labelsOf(image: CatalogImage): Readonly<Record<string, string>> {
  return image.configuration.config?.Labels ?? {};
}
