/** Splits Dockerfile text into logical lines: comments go, continued lines are joined. */
import { changeError } from './change-error.ts';

export interface InstructionLines {
  readonly lines: readonly string[];
  /** The character that quotes others and continues lines: a backslash, or a backtick by the directive `# escape=`. */
  readonly escape: string;
}

const directive = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/;

/** @throws image.invalid_change when there is no instruction */
export function splitInstructionLines(text: string): InstructionLines {
  let escape = '\\';
  let mayBeDirective = true;
  const lines: string[] = [];
  let open: string | undefined;
  for (const raw of text.replace(/^\uFEFF/, '').split('\n')) {
    const line = raw.replace(/[\r\n]+$/, '');
    const trimmed = line.trimStart();
    if (mayBeDirective) {
      const found = directive.exec(trimmed);
      if (found === null) mayBeDirective = false;
      else if (found[1]?.toLowerCase() === 'escape') escape = escapeCharacter(found[2] ?? '');
    }
    if (trimmed.startsWith('#') || trimmed === '') continue;
    const { content, continued } = takeContinuation(open === undefined ? trimmed : line, escape);
    open = (open ?? '') + content;
    if (continued) continue;
    lines.push(open);
    open = undefined;
  }
  if (open !== undefined) lines.push(open);
  if (lines.length === 0) throw changeError('file with no instructions');
  return { lines, escape };
}

function escapeCharacter(value: string): string {
  if (value !== '\\' && value !== '`') throw changeError(`invalid escape token '${value}' does not match \` or \\`);
  return value;
}

/** An escape character at the end continues the line unless another one quotes it. */
function takeContinuation(line: string, escape: string): { content: string; continued: boolean } {
  const bare = line.replace(/[ \t]+$/, '');
  if (!bare.endsWith(escape) || bare.slice(0, -1).endsWith(escape)) return { content: line, continued: false };
  return { content: bare.slice(0, -1), continued: true };
}
