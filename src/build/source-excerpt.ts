/** Lines of a file with those marked that something is said of, as BuildKit's clients print them. */
import type { LineRange } from './dockerfile.ts';

const around = 2;

export function sourceExcerpt(name: string, text: string, { start, end }: LineRange): string {
  const lines = text.split('\n');
  const rule = '--------------------';
  const shown = lines.slice(Math.max(0, start - 1 - around), end + around).map((line, index) => {
    const number = Math.max(1, start - around) + index;
    return `${String(number).padStart(4)} | ${number >= start && number <= end ? '>>>' : '   '} ${line}`;
  });
  return `${name}:${start}\n${rule}\n${shown.join('\n')}\n${rule}\n`;
}
