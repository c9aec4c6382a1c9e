/** Splits a Dockerfile into logical lines: directives are read, comments go, continued lines are joined, here-documents stay with their line. */
import { fail } from '#base/errors/failure.ts';
import { splitWords } from '#oci/instructions/split-words.ts';

export interface DockerfileLine {
  readonly text: string;
  /** Of its beginning, from 1. */
  readonly number: number;
  /** Of its last line, that of its last here-document's end included. */
  readonly end: number;
  readonly heredocs: readonly Heredoc[];
  /** Comment lines right before it, without their marks. */
  readonly comments: readonly string[];
}

/** `<<NAME` with what follows up to a line `NAME`. */
export interface Heredoc {
  readonly name: string;
  /** Every line with its newline; without leading tabs where the word was `<<-NAME`. */
  readonly content: string;
  /** The name was not quoted: variables are resolved. */
  readonly expand: boolean;
}

export interface DockerfileLines {
  readonly lines: readonly DockerfileLine[];
  /** The character that quotes others and continues lines. */
  readonly escape: string;
  /** Instructions whose continued lines have empty ones between them: their last lines. */
  readonly emptyContinuations: readonly { readonly line: number; readonly text: string }[];
  /** Value of the directive `check`; empty: none. */
  readonly check: string;
}

const directivePattern = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/;
const directives: ReadonlySet<string> = new Set(['escape', 'syntax', 'check']);

/** @throws build.invalid_dockerfile */
export function splitDockerfile(text: string): DockerfileLines {
  const raw = text.replace(/^\uFEFF/, '').split('\n');
  const physical = raw.map((line) => line.replace(/\r+$/, ''));
  const { escape, check } = readDirectives(physical);
  const emptyContinuations: { line: number; text: string }[] = [];
  const lines: DockerfileLine[] = [];
  let comments: string[] = [];
  for (let index = 0; index < physical.length; ) {
    const number = index + 1;
    let open: string | undefined;
    let hasEmpty = false;
    for (; index < physical.length; index++) {
      const line = physical[index] ?? '';
      const trimmed = line.trimStart();
      if (trimmed === '' || trimmed.startsWith('#')) {
        if (open === undefined) {
          comments = trimmed === '' ? [] : [...comments, trimmed.slice(1).trim()];
          break;
        }
        if (trimmed === '') hasEmpty = true;
        continue;
      }
      const { content, continued } = takeContinuation(open === undefined ? trimmed : line, escape);
      open = (open ?? '') + content;
      if (!continued) break;
    }
    index++;
    if (open === undefined) continue;
    if (hasEmpty) emptyContinuations.push({ line: Math.min(index, physical.length), text: open });
    const heredocs: Heredoc[] = [];
    for (const { terminator, tabs, expand } of heredocsOf(open)) {
      let content = '';
      for (; ; index++) {
        if (index >= physical.length) throw fault('unterminated heredoc', { start: number, end: lastLine(physical) });
        const whole = raw[index] ?? '';
        const line = tabs ? whole.replace(/^\t+/, '') : whole;
        if (line.replace(/\r+$/, '') === terminator) break;
        content += `${line}\n`;
      }
      heredocs.push({ name: terminator, content, expand });
      index++;
    }
    lines.push({ text: open, number, end: Math.min(index, physical.length), heredocs, comments });
    comments = [];
  }
  if (lines.length === 0) throw fault('file with no instructions', { start: 1, end: Math.max(1, lastLine(physical)) });
  return { lines, escape, emptyContinuations, check };
}

/** Directives stand first; the first line that is none ends them. */
function readDirectives(lines: readonly string[]): { escape: string; check: string } {
  const seen = new Set<string>();
  let escape = '\\';
  let check = '';
  for (const [index, line] of lines.entries()) {
    // BuildKit's readers tell the line before it, and none for the first.
    const place = index === 0 ? undefined : { start: index, end: index };
    const match = directivePattern.exec(line.trimStart());
    const name = match?.[1]?.toLowerCase() ?? '';
    if (!directives.has(name)) break;
    if (seen.has(name)) throw fault(`only one ${name} parser directive can be used`, place);
    seen.add(name);
    if (name === 'check') check = match?.[2] ?? '';
    if (name === 'escape') {
      escape = match?.[2] ?? '';
      if (escape !== '\\' && escape !== '`') throw fault(`invalid escape token '${escape}' does not match \` or \\`, place);
    }
  }
  return { escape, check };
}

/** An escape character at the end continues the line unless another one quotes it. */
function takeContinuation(line: string, escape: string): { content: string; continued: boolean } {
  const bare = line.replace(/[ \t]+$/, '');
  if (!bare.endsWith(escape) || bare.slice(0, -1).endsWith(escape)) return { content: line, continued: false };
  return { content: bare.slice(0, -1), continued: true };
}

function heredocsOf(line: string): { terminator: string; tabs: boolean; expand: boolean }[] {
  if (!/^\s*(?:ONBUILD\s+)?(?:RUN|COPY|ADD)\s/i.test(line)) return [];
  return splitWords(line, '\\').flatMap((word) => {
    const found = readHeredocWord(word);
    return found === undefined ? [] : [{ terminator: found.name, tabs: found.tabs, expand: found.expand }];
  });
}

/** A word such as `<<NAME`, `<<-NAME`, `3<<"NAME"`; undefined: it begins no here-document. */
export function readHeredocWord(word: string): { readonly name: string; readonly tabs: boolean; readonly expand: boolean } | undefined {
  const [, dash = '', rest = ''] = /^\d*<<(-?)([^<]+)$/.exec(word) ?? [];
  if (rest === '' || splitWords(rest, '\\').length !== 1) return undefined;
  const name = rest.replace(/\\(.)|['"]/g, (_match, escaped: string | undefined) => escaped ?? '');
  // Quotes anywhere in the word keep its document as it is.
  return name === '' ? undefined : { name, tabs: dash !== '', expand: name === rest };
}

function fault(message: string, range?: { readonly start: number; readonly end: number }): Error {
  return fail('build.invalid_dockerfile', { message: `failed to parse Dockerfile: ${message}`, ...(range === undefined ? {} : { range }) });
}

function lastLine(physical: readonly string[]): number {
  return physical.at(-1) === '' ? physical.length - 1 : physical.length;
}
