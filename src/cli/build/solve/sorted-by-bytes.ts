/** Sorts names as their UTF-8 forms compare: as the strings do, but for those beyond the basic plane. */
export function sortedByBytes(names: string[]): string[] {
  return names.some((name) => /[\ud800-\uffff]/.test(name)) ? names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))) : names.sort();
}
