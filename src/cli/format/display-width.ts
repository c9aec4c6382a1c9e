/** How many columns of a terminal a text takes, and texts cut to a width. */

/** First and last code points of characters two columns wide (Unicode East Asian Width, W and F). */
const wideRanges: readonly (readonly [first: number, last: number])[] = [
  [0x1100, 0x115f], [0x231a, 0x231b], [0x2329, 0x232a], [0x23e9, 0x23ec], [0x2614, 0x2615], [0x26a1, 0x26a1], [0x2705, 0x2705],
  [0x274c, 0x274c], [0x2753, 0x2755], [0x2795, 0x2797], [0x2b1b, 0x2b1c], [0x2b50, 0x2b50], [0x2e80, 0x303e], [0x3041, 0x33ff],
  [0x3400, 0x4dbf], [0x4e00, 0xa4cf], [0xa960, 0xa97c], [0xac00, 0xd7a3], [0xf900, 0xfaff], [0xfe10, 0xfe19], [0xfe30, 0xfe6f],
  [0xff01, 0xff60], [0xffe0, 0xffe6], [0x1f300, 0x1f320], [0x1f32d, 0x1f335], [0x1f337, 0x1f37c], [0x1f37e, 0x1f393],
  [0x1f3a0, 0x1f3ca], [0x1f3cf, 0x1f3d3], [0x1f3e0, 0x1f3f0], [0x1f3f8, 0x1f43e], [0x1f440, 0x1f4fc], [0x1f4ff, 0x1f53d],
  [0x1f54b, 0x1f567], [0x1f57a, 0x1f57a], [0x1f595, 0x1f596], [0x1f5a4, 0x1f5a4], [0x1f5fb, 0x1f64f], [0x1f680, 0x1f6c5],
  [0x1f6d0, 0x1f6d2], [0x1f6eb, 0x1f6ec], [0x1f6f4, 0x1f6fc], [0x1f7e0, 0x1f7eb], [0x1f90c, 0x1f9ff], [0x1fa70, 0x1faff],
  [0x20000, 0x3fffd],
];

function isWide(code: number): boolean {
  return code >= 0x1100 && wideRanges.some(([first, last]) => code >= first && code <= last);
}

/** The columns of a text; characters that combine with the one before take none. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const character of text) {
    if (/[\p{Mn}\p{Me}\p{Cf}\p{Cc}]/u.test(character)) continue;
    width += isWide(character.codePointAt(0) ?? 0) ? 2 : 1;
  }
  return width;
}

/** The text cut to `width` columns with an ellipsis as the last; Docker's rule, for which everything not wide is one column. */
export function ellipsis(text: string, width: number): string {
  if (width <= 0) return '';
  const characters = Array.from(text);
  if (width === 1) return characters[0] ?? '';
  let used = 0;
  let cut = 0;
  for (const [at, character] of characters.entries()) {
    used += isWide(character.codePointAt(0) ?? 0) ? 2 : 1;
    if (used <= width - 1) cut = at + 1;
  }
  return used <= width ? text : `${characters.slice(0, cut).join('')}…`;
}
