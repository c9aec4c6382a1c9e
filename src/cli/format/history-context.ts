/** The rows of `history`. */
import type { HistoryEntry } from '#schema/image-views.ts';
import { humanDuration } from '#base/human-duration.ts';
import { humanSize } from '#base/human-size.ts';
import { shortIdentifier } from '#base/identifier.ts';
import { contextType } from './context-type.ts';
import { ellipsis } from './display-width.ts';
import { localTimestamp } from './local-time.ts';
import type { ListFormat } from './render-list.ts';

export interface HistoryRow {
  readonly entry: HistoryEntry;
  readonly truncate: boolean;
  readonly human: boolean;
}

/** Images that say they are older than this do not know. */
const earliest = Date.UTC(2000, 0, 1) / 1000;

export function historyFormat(source: string, { quiet, human }: { quiet: boolean; human: boolean }): ListFormat {
  const created = human ? '{{.CreatedSince}}' : '{{.CreatedAt}}';
  const table = quiet ? '{{.ID}}' : `table {{.ID}}\\t${created}\\t{{.CreatedBy}}\\t{{.Size}}\\t{{.Comment}}`;
  return { format: source === '' || source === 'table' ? table : source, headers };
}

const headers = { ID: 'IMAGE', CreatedSince: 'CREATED', CreatedAt: 'CREATED AT', CreatedBy: 'CREATED BY', Size: 'SIZE', Comment: 'COMMENT' };

export const historyContext = contextType<HistoryRow>('image.historyContext', {
  ID: ({ entry, truncate }) => (truncate ? shortIdentifier(entry.Id) : entry.Id),
  CreatedAt: ({ entry }) => localTimestamp(entry.Created),
  CreatedSince: ({ entry, human }) => {
    if (!human) return localTimestamp(entry.Created);
    return entry.Created <= earliest ? 'N/A' : `${humanDuration(Date.now() - entry.Created * 1000)} ago`;
  },
  CreatedBy: ({ entry, truncate }) => {
    const text = entry.CreatedBy.replaceAll('\t', ' ');
    return truncate ? ellipsis(text, 45) : text;
  },
  Size: ({ entry, human }) => (human ? humanSize(entry.Size, 3) : String(entry.Size)),
  Comment: ({ entry }) => entry.Comment,
});
