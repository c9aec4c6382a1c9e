/** What builds keep, as `buildx du` and `builder prune` see it. */
import { parseTimestamp } from '#base/timestamp.ts';
import type { UsageView } from './contract.ts';
import { timestampOf } from './wire-timestamp.ts';

export interface UsageEntry {
  readonly place: 'layer' | 'directory' | 'contexts';
  readonly key: string;
  readonly description: string;
  readonly type: string;
  readonly created: string;
  readonly lastUsed: string;
  readonly uses: number;
  readonly size: number;
  readonly inUse: boolean;
  readonly shared: boolean;
  readonly mutable: boolean;
  /** Ids of what it was made over. */
  readonly parents: readonly string[];
}

/** Those that fit one of the filters; all without filters. A filter is `name==value`, several joined by commas must all fit. */
export function chooseUsage(entries: readonly UsageEntry[], { filters }: { filters: readonly string[] }): UsageEntry[] {
  // `buildx du` without filters sends an empty one.
  if (filters.length === 0 || filters.includes('')) return [...entries];
  return entries.filter((entry) => filters.some((filter) => filter.split(',').every((term) => fits(entry, term))));
}

function fits(entry: UsageEntry, term: string): boolean {
  const [, name = '', operator = '', value = ''] = /^([a-zA-Z]+)(==|!=|~=)?(.*)$/.exec(term) ?? [];
  const facts: Readonly<Record<string, string | boolean>> = {
    id: idOf(entry), type: entry.type, description: entry.description, parent: entry.parents.join(','), inuse: entry.inUse, mutable: entry.mutable, immutable: !entry.mutable, shared: entry.shared, private: !entry.shared,
  };
  const fact = facts[name.toLowerCase()];
  if (fact === undefined) return false;
  if (operator === '') return fact === true || (typeof fact === 'string' && fact !== '');
  if (operator === '~=') return new RegExp(value).test(String(fact));
  return (String(fact) === value) === (operator === '==');
}

/** Short and steady, as BuildKit's ids are. */
export function idOf({ key }: Pick<UsageEntry, 'key'>): string {
  return BigInt(`0x${key.replace(/^sha256:/, '').replace(/[^0-9a-f]/g, '').slice(0, 32)}`).toString(36).padStart(25, '0').slice(0, 25);
}

export function usageViews(entries: readonly UsageEntry[]): UsageView[] {
  return entries.map((entry) => ({
    id: idOf(entry), mutable: entry.mutable, inUse: entry.inUse, size: entry.size, parent: '', createdAt: timestampOf(parseTimestamp(entry.created)), lastUsedAt: timestampOf(parseTimestamp(entry.lastUsed)),
    usageCount: entry.uses, description: entry.description, recordType: entry.type, shared: entry.shared, parents: [...entry.parents],
  }));
}
