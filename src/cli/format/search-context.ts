/** The rows of `search`. */
import type { SearchResult } from '#schema/registry-views.ts';
import { contextType } from './context-type.ts';
import { ellipsis } from './display-width.ts';
import type { ListFormat } from './render-list.ts';

export interface SearchRow {
  readonly result: SearchResult;
  readonly truncate: boolean;
  /** As JSON has it: true and false in words. */
  readonly json: boolean;
}

export function searchFormat(source: string): ListFormat {
  const table = 'table {{.Name}}\\t{{.Description}}\\t{{.StarCount}}\\t{{.IsOfficial}}';
  return { format: source === '' || source === 'table' ? table : source, headers };
}

const headers = { Name: 'NAME', Description: 'DESCRIPTION', StarCount: 'STARS', IsOfficial: 'OFFICIAL' };

export const searchContext = contextType<SearchRow>('registry.searchContext', {
  Name: ({ result }) => result.name,
  Description: ({ result, truncate }) => {
    const text = result.description.replaceAll(/[\n\r]/g, ' ');
    return truncate ? ellipsis(text, 45) : text;
  },
  StarCount: ({ result }) => String(result.star_count),
  IsOfficial: ({ result, json }) => (json ? String(result.is_official) : result.is_official ? '[OK]' : ''),
});
