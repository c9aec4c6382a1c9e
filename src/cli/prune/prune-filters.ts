/** Filters of prune commands: the user's, and those that the configuration adds to every prune. */
import type { ConfigurationFile } from '#cli/configuration/client-configuration.ts';

export type Filters = Readonly<Record<string, readonly string[]>>;

export function pruneFilters(given: Filters, { pruneFilters: configured = [] }: ConfigurationFile): Filters {
  let filters = given;
  for (const text of configured) {
    const cut = text.indexOf('=');
    if (cut < 0) continue;
    const [name, value] = [text.slice(0, cut), text.slice(cut + 1)];
    // What the user asked for counts more than its opposite in the configuration.
    const opposite = name === 'label' ? 'label!' : name === 'label!' ? 'label' : undefined;
    if (opposite !== undefined && (filters[opposite] ?? []).includes(value)) continue;
    const values = filters[name] ?? [];
    if (!values.includes(value)) filters = { ...filters, [name]: [...values, value] };
  }
  return filters;
}
