/** One Dockerfile instruction taken apart: word, flags and arguments, each in the form its word has them. */
import { changeError } from './change-error.ts';
import { splitWords } from './split-words.ts';

export interface Instruction {
  /** As written. */
  readonly word: string;
  /** Arguments beginning with `--` that stand first. */
  readonly flags: readonly string[];
  readonly parameters: readonly string[];
  /** The arguments were a JSON array. */
  readonly json: boolean;
  /** The whole line. */
  readonly original: string;
}

type Form = (rest: string, escape: string) => { parameters: readonly string[]; json?: boolean };

const whitespace = /[\t\v\f\r ]+/;

const forms: Readonly<Record<string, Form>> = {
  add: (rest, escape) => jsonArray(rest) ?? spaced(rest, escape),
  arg: (rest, escape) => ({ parameters: splitWords(rest, escape) }),
  cmd: jsonOrText,
  copy: (rest, escape) => jsonArray(rest) ?? spaced(rest, escape),
  entrypoint: jsonOrText,
  env: (rest, escape) => nameValues(rest, 'ENV', escape),
  expose: spaced,
  from: spaced,
  healthcheck: healthcheckForm,
  maintainer: wholeText,
  label: (rest, escape) => nameValues(rest, 'LABEL', escape),
  onbuild: (rest, escape) => {
    if (rest === '') return { parameters: [] };
    const inner = parseInstruction(rest, escape);
    return { parameters: [inner.word, ...inner.parameters] };
  },
  run: jsonOrText,
  shell: jsonOrText,
  stopsignal: wholeText,
  user: wholeText,
  volume: (rest, escape) => jsonArray(rest) ?? spaced(rest, escape),
  workdir: wholeText,
};

/** @throws image.invalid_change */
export function parseInstruction(line: string, escape: string): Instruction {
  const trimmed = line.trim();
  const gap = whitespace.exec(trimmed);
  const word = gap === null ? trimmed : trimmed.slice(0, gap.index);
  const after = gap === null ? '' : trimmed.slice(gap.index + gap[0].length);
  const { flags, rest } = takeFlags(after, escape);
  const { parameters, json } = forms[word.toLowerCase()]?.(rest.trim(), escape) ?? { parameters: [] };
  return { word, flags, parameters, json: json ?? false, original: line };
}

function wholeText(rest: string): { parameters: readonly string[] } {
  return { parameters: rest === '' ? [] : [rest] };
}

function spaced(rest: string, _escape: string): { parameters: readonly string[] } {
  return { parameters: rest === '' ? [] : rest.split(whitespace) };
}

function jsonOrText(rest: string): { parameters: readonly string[]; json?: boolean } {
  return rest === '' ? { parameters: [] } : (jsonArray(rest) ?? wholeText(rest));
}

/** Undefined when the text is no JSON array. */
function jsonArray(rest: string): { parameters: readonly string[]; json: boolean } | undefined {
  if (!rest.startsWith('[')) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(rest);
  } catch {
    // A command in brackets is a shell's business.
    return undefined;
  }
  if (!Array.isArray(parsed)) return undefined;
  const elements: unknown[] = parsed;
  return {
    json: true,
    parameters: elements.map((element) => {
      if (typeof element !== 'string') throw changeError('when using JSON array syntax, arrays must be comprised of strings only');
      return element;
    }),
  };
}

/** Pairs as name, value, name, value, …; the old form is one name and a value to the end of the line. */
function nameValues(rest: string, word: string, escape: string): { parameters: readonly string[] } {
  const words = splitWords(rest, escape);
  const [first] = words;
  if (first === undefined) return { parameters: [] };
  if (!first.includes('=')) {
    const gap = whitespace.exec(rest);
    if (gap === null) throw changeError(`${word} must have two arguments`);
    return { parameters: [rest.slice(0, gap.index), rest.slice(gap.index + gap[0].length)] };
  }
  return {
    parameters: words.flatMap((pair) => {
      const equals = pair.indexOf('=');
      if (equals < 0) throw changeError(`Syntax error - can't find = in ${JSON.stringify(pair)}. Must be of the form: name=value`);
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  };
}

function healthcheckForm(rest: string): { parameters: readonly string[]; json?: boolean } {
  const match = /^(\S+)\s*(.*)$/s.exec(rest);
  if (match === null) return { parameters: [] };
  const command = jsonOrText(match[2] ?? '');
  return { ...command, parameters: [match[1] ?? '', ...command.parameters] };
}

/** Takes the leading `--…` words off; `--` ends them. Quotes and escapes within them are resolved. */
function takeFlags(line: string, escape: string): { flags: string[]; rest: string } {
  const flags: string[] = [];
  let at = 0;
  for (;;) {
    while (at < line.length && /\s/.test(line.charAt(at))) at++;
    if (!line.startsWith('--', at)) return { flags, rest: line.slice(at) };
    let flag = '';
    let quote = '';
    for (; at < line.length; at++) {
      const character = line.charAt(at);
      if (quote === '' && /\s/.test(character)) break;
      if (quote === '' && (character === '"' || character === "'")) quote = character;
      else if (character === quote) quote = '';
      else if (character === escape) flag += line.charAt(++at);
      else flag += character;
    }
    if (flag === '--') return { flags, rest: line.slice(at) };
    flags.push(flag);
    if (at >= line.length) return { flags, rest: '' };
  }
}
