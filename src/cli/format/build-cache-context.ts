/** The rows of lists of the build cache's records. */
import { humanDuration } from '#base/human-duration.ts';
import { humanSize } from '#base/human-size.ts';
import { shortIdentifier } from '#base/identifier.ts';
import { formatMoment, parseMoment } from '#base/template/go-time.ts';
import { compareText } from '#base/template/go-value.ts';
import { contextType } from './context-type.ts';

export interface BuildCacheRecord {
  readonly ID: string;
  readonly Parent?: string;
  /** The API spells it with a blank. */
  readonly ' Parents'?: readonly string[] | null;
  readonly Type: string;
  readonly Description: string;
  readonly InUse: boolean;
  readonly Shared: boolean;
  readonly Size: number;
  readonly CreatedAt: string;
  readonly LastUsedAt?: string | null;
  readonly UsageCount: number;
}

export interface BuildCacheRow {
  readonly record: BuildCacheRecord;
  readonly truncate: boolean;
}

export const buildCacheHeaders = {
  ID: 'CACHE ID', Parent: 'PARENT', CacheType: 'CACHE TYPE', Size: 'SIZE', CreatedSince: 'CREATED', LastUsedSince: 'LAST USED',
  UsageCount: 'USAGE', InUse: 'IN USE', Shared: 'SHARED', Description: 'DESCRIPTION',
};

function timeText(text: string | null | undefined): string {
  const moment = parseMoment(text ?? '');
  return moment === undefined ? '' : formatMoment(moment, '2006-01-02 15:04:05.999999999 -0700 MST');
}

function sinceText(text: string | null | undefined): string {
  const moment = parseMoment(text ?? '');
  return moment === undefined ? '' : `${humanDuration(Date.now() - Number(moment.nanoseconds / 1_000_000n))} ago`;
}

export const buildCacheContext = contextType<BuildCacheRow>('formatter.buildCacheContext', {
  ID: ({ record, truncate }) => `${truncate ? shortIdentifier(record.ID) : record.ID}${record.InUse ? '*' : ''}`,
  Parent: ({ record, truncate }) => {
    const parents = record[' Parents'] ?? [];
    const text = parents.length > 0 ? parents.join(', ') : record.Parent ?? '';
    return truncate ? shortIdentifier(text) : text;
  },
  CacheType: ({ record }) => record.Type,
  Description: ({ record }) => record.Description,
  Size: ({ record }) => humanSize(record.Size, 3),
  CreatedAt: ({ record }) => timeText(record.CreatedAt),
  CreatedSince: ({ record }) => sinceText(record.CreatedAt),
  LastUsedAt: ({ record }) => timeText(record.LastUsedAt),
  LastUsedSince: ({ record }) => sinceText(record.LastUsedAt),
  UsageCount: ({ record }) => String(record.UsageCount),
  InUse: ({ record }) => String(record.InUse),
  Shared: ({ record }) => String(record.Shared),
});

export const rawBuildCacheFormat = [
  'build_cache_id: {{.ID}}',
  'parent_id: {{.Parent}}',
  'build_cache_type: {{.CacheType}}',
  'description: {{.Description}}',
  'created_at: {{.CreatedAt}}',
  'created_since: {{.CreatedSince}}',
  'last_used_at: {{.LastUsedAt}}',
  'last_used_since: {{.LastUsedSince}}',
  'usage_count: {{.UsageCount}}',
  'in_use: {{.InUse}}',
  'shared: {{.Shared}}',
  '',
].join('\n');

/** Those never used first, then by when they were used last. */
export function sortBuildCache(records: readonly BuildCacheRecord[]): BuildCacheRecord[] {
  const lastUse = ({ LastUsedAt: text }: BuildCacheRecord): bigint => parseMoment(text ?? '')?.nanoseconds ?? -(1n << 63n);
  return [...records].sort((left, right) => {
    const [a, b] = [lastUse(left), lastUse(right)];
    return a === b ? compareText(left.ID, right.ID) : a < b ? -1 : 1;
  });
}
