/** Lines of a file with those marked that something is said of, as BuildKit's clients print them. */

/** Lines shown before and behind. */
const around = 2;

/** Lines count from 1. */
export function sourceExcerpt(name: string, text: string, { start, end }: { readonly start: number; readonly end: number }): string {
  const lines = text.split('\n');
  const rule = '--------------------';
  const first = Math.max(1, start - around);
  const shown = lines.slice(first - 1, end + around).map((line, index) => {
    const number = first + index;
    return `${String(number).padStart(4)} | ${number >= start && number <= end ? '>>>' : '   '} ${line}`;
  });
  return `${name}:${start}\n${rule}\n${shown.join('\n')}\n${rule}\n`;
}
