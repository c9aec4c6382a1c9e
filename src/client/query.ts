/** Query strings as Go's url.Values prints them: keys sorted, blanks as `+`. */

/** What is undefined is left out; true is `1`. */
export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export function queryText(query: Query | undefined): string {
  if (query === undefined) return '';
  const pairs: string[] = [];
  for (const key of Object.keys(query).sort()) {
    const value = query[key];
    if (value === undefined) continue;
    const values = Array.isArray(value) ? value : [value];
    for (const one of values) pairs.push(`${escape(key)}=${escape(one === true ? '1' : one === false ? '0' : String(one))}`);
  }
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

/** A path segment, escaped but for `/` and `:` which references of images have. */
export function pathText(reference: string): string {
  return encodeURIComponent(reference).replaceAll('%2F', '/').replaceAll('%3A', ':').replaceAll('%40', '@');
}

/** Filters as the API takes them: `{"name":{"value":true}}`; undefined when there are none. */
export function filtersText(filters: Readonly<Record<string, readonly string[]>> | undefined): string | undefined {
  if (filters === undefined) return undefined;
  const entries = Object.entries(filters).filter(([, values]) => values.length > 0);
  if (entries.length === 0) return undefined;
  return JSON.stringify(Object.fromEntries(entries.map(([name, values]) => [name, Object.fromEntries(values.toSorted().map((value) => [value, true]))])));
}

function escape(text: string): string {
  return encodeURIComponent(text).replace(/%20/g, '+').replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** A name or id as a path segment. @throws Error with Docker's text when it is empty */
export function objectSegment(kind: 'container' | 'network' | 'exec' | 'volume', reference: string): string {
  const trimmed = reference.trim();
  if (trimmed === '') throw new Error(`invalid ${kind} name or ID: value is empty`);
  return pathText(trimmed);
}
