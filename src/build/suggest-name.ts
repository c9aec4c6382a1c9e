/** The name somebody may have meant: one that is at most two changes away. */

/** Undefined: none is near, or the name itself is among them. */
export function suggestName(name: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = 3;
  for (const candidate of names) {
    if (candidate === name) return undefined;
    const distance = changes(name, candidate);
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** What an error adds for a name that is near a known one, small and capital letters being the same; empty: none is. */
export function meant(name: string, names: readonly string[]): string {
  const near = suggestName(name.toLowerCase(), names.map((known) => known.toLowerCase()));
  return near === undefined ? '' : ` (did you mean ${names.find((known) => known.toLowerCase() === near) ?? near}?)`;
}

/** Levenshtein's distance. */
function changes(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_none, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
