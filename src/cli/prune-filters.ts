/** The filters of a prune: the user's, and those the configuration always adds. */
import type { Filters } from '#client/container-api.ts';
import type { ConfigurationFile } from './configuration/client-configuration.ts';

/** A label the user names decides over the opposite in the configuration. */
export function pruneFilters(given: Filters, file: ConfigurationFile): Filters {
  const filters: Record<string, readonly string[]> = { ...given };
  for (const entry of file.pruneFilters ?? []) {
    const cut = entry.indexOf('=');
    if (cut < 0) continue;
    const [key, value] = [entry.slice(0, cut), entry.slice(cut + 1)];
    const opposite = key === 'label' ? 'label!' : key === 'label!' ? 'label' : undefined;
    if (opposite !== undefined && filters[opposite]?.includes(value) === true) continue;
    const values = filters[key] ?? [];
    filters[key] = values.includes(value) ? values : [...values, value];
  }
  return filters;
}
