/** Names near to one that was mistyped. */

/** Those within two edits, or that begin with `typed`; nearest first, at most three. */
export function suggestNames(typed: string, names: readonly string[]): readonly string[] {
  return names
    .map((name) => ({ name, distance: name.startsWith(typed) && typed.length > 1 ? 0.5 : editDistance(typed, name) }))
    .filter(({ name, distance }) => distance <= Math.min(2, Math.max(1, name.length - 2)))
    .sort((left, right) => left.distance - right.distance || (left.name < right.name ? -1 : 1))
    .slice(0, 3)
    .map(({ name }) => name);
}

/** Levenshtein's distance, with the exchange of neighbours as one edit. */
function editDistance(left: string, right: string): number {
  const rows: number[][] = [];
  for (let i = 0; i <= left.length; i++) {
    const row = [i];
    for (let j = 1; j <= right.length; j++) {
      const above = rows[i - 1];
      if (above === undefined) {
        row.push(j);
        continue;
      }
      const cost = left[i - 1] === right[j - 1] ? 0 : 1;
      let best = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (above[j - 1] ?? 0) + cost);
      if (i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1]) best = Math.min(best, (rows[i - 2]?.[j - 2] ?? 0) + 1);
      row.push(best);
    }
    rows.push(row);
  }
  return rows[left.length]?.[right.length] ?? 0;
}
