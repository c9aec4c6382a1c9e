/**
 * Tables of text: cells end with a tab, and cells above each other in adjoining lines are as wide as the
 * widest of them plus the padding (Go's text/tabwriter). What follows a line's last tab is not aligned.
 */
import { displayWidth } from './display-width.ts';

export interface ColumnOptions {
  readonly minimumWidth: number;
  readonly padding: number;
}

/** Docker's usual table. */
export const tableColumns: ColumnOptions = { minimumWidth: 10, padding: 3 };

export function alignColumns(text: string, options: ColumnOptions = tableColumns): string {
  const lines = text.split('\n').map((line) => line.split('\t'));
  const out: string[] = [];
  layOut(lines, 0, lines.length, [], options, out);
  return out.join('\n');
}

/** Lays out lines `from` to `to`, whose first columns have the given widths. */
function layOut(
  lines: readonly (readonly string[])[], from: number, to: number, widths: readonly number[], options: ColumnOptions, out: string[],
): void {
  const column = widths.length;
  for (let at = from; at < to; at++) {
    if (!hasColumn(lines[at], column)) {
      out.push(padded(lines[at] ?? [], widths));
      continue;
    }
    let end = at;
    let width = options.minimumWidth;
    for (; end < to && hasColumn(lines[end], column); end++) {
      width = Math.max(width, displayWidth(lines[end]?.[column] ?? '') + options.padding);
    }
    layOut(lines, at, end, [...widths, width], options, out);
    at = end - 1;
  }
}

function hasColumn(line: readonly string[] | undefined, column: number): boolean {
  return line !== undefined && column < line.length - 1;
}

function padded(line: readonly string[], widths: readonly number[]): string {
  return line.map((cell, at) => cell + ' '.repeat(Math.max((widths[at] ?? 0) - displayWidth(cell), 0))).join('');
}
