/** Hints beside a command's output, as Docker's CLI sets them off. */
import type { Output } from '#cli/streams/output.ts';

const plainHeader = ' Info -> ';
const escape = '\u001B[';
const end = `${escape}0m`;
const fancyHeader = `${escape}1m${escape}106m${escape}30mi${end}${end} ${escape}96mInfo → ${end}${end}`;

/** Writes the lines of `text`, the first behind the header. */
export function writeNote(output: Output, text: string): void {
  const { isTerminal } = output;
  const shown = isTerminal ? text.replaceAll('--platform', `${escape}1m--platform${end}`) : text;
  const lines = shown.split('\n').map((line, index) => `${index === 0 ? '' : ' '.repeat(plainHeader.length)}${isTerminal ? `${escape}3m${line}${end}` : line}\n`);
  output.write(`\n${isTerminal ? fancyHeader : plainHeader}${lines.join('')}`);
}

export function underlined(text: string): string {
  return `${escape}4m${text}${end}`;
}
