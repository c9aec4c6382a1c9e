/** The `Options:` block of a help: flags sorted by name, aligned, wrapped as the pflag library does. */
import { quoteText } from '#base/template/go-quote.ts';
import type { Flag, FlagDeclarations } from './flag.ts';

/** The block without its heading, each line ended; `columns` is the terminal's width less one. Under Docker's name there are Docker's flags alone. */
export function flagUsages(flags: FlagDeclarations, columns: number, program = 'docker'): string {
  const lines = Object.entries(flags)
    .filter(([, flag]) => flag.hidden !== true && !(flag.isOwn === true && program === 'docker'))
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, flag]) => describe(name, flag));
  const width = Math.max(0, ...lines.map((line) => line.head.length)) + 1;
  return lines.map(({ head, text }) => `${head} ${' '.repeat(width - head.length)} ${wrap(width + 2, columns, text)}\n`).join('');
}

function describe(name: string, flag: Flag<unknown>): { head: string; text: string } {
  const quoted = /`([^`]*)`/.exec(flag.text);
  const type = quoted?.[1] ?? flag.type;
  let text = quoted === null ? flag.text : flag.text.replace(quoted[0], type);
  let head = flag.short === undefined ? `      --${name}` : `  -${flag.short}, --${name}`;
  if (type !== '') head += ` ${type}`;
  if (flag.valueWhenBare !== undefined && flag.type !== '') head += flag.type === 'string' ? `[="${flag.valueWhenBare}"]` : `[=${flag.valueWhenBare}]`;
  if (flag.shownDefault !== undefined) text += ` (default ${flag.type === 'string' ? quoteText(flag.shownDefault) : flag.shownDefault})`;
  if (flag.deprecated !== undefined) text += ` (DEPRECATED: ${flag.deprecated})`;
  return { head, text };
}

/** Wraps to `width` columns; following lines are indented by `indent`. */
function wrap(indent: number, width: number, text: string): string {
  let margin = indent;
  let room = width - margin;
  let wrapped = '';
  if (room < 24) {
    margin = 16;
    room = width - margin;
    wrapped = `\n${' '.repeat(margin)}`;
  }
  if (room < 24) return text.replaceAll('\n', wrapped);
  // A last word may go a little over, rather than stand alone on a line.
  const slop = 5;
  const newLine = `\n${' '.repeat(margin)}`;
  let [line, rest] = breakLine(room - slop, slop, text);
  wrapped += line.replaceAll('\n', newLine);
  while (rest !== '') {
    [line, rest] = breakLine(room - slop, slop, rest);
    wrapped += newLine + line.replaceAll('\n', newLine);
  }
  return wrapped;
}

function breakLine(width: number, slop: number, text: string): [line: string, rest: string] {
  if (width + slop > text.length) return [text, ''];
  const head = text.slice(0, width);
  const blank = Math.max(head.lastIndexOf(' '), head.lastIndexOf('\t'), head.lastIndexOf('\n'));
  if (blank <= 0) return [text, ''];
  const lineEnd = head.lastIndexOf('\n');
  if (lineEnd > 0 && lineEnd < blank) return [text.slice(0, lineEnd), text.slice(lineEnd + 1)];
  return [text.slice(0, blank), text.slice(blank + 1)];
}
