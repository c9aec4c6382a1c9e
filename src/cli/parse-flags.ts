/**
 * Reads flags from arguments by the rules of the pflag library: `--name=value`, `--name value`, `-abc`,
 * `-p80:80`, `--` as the end, and flags after arguments unless `interspersed` is false.
 */
import { FlagFailure } from './flag-failure.ts';
import type { FlagDeclarations } from './flag.ts';
import { quoteRune, quoteText } from '#base/template/go-quote.ts';

export interface ParsedFlags {
  readonly values: Record<string, unknown>;
  readonly given: ReadonlySet<string>;
  readonly arguments: readonly string[];
  /** `--help` or an undeclared `-h` was met; reading stopped there unless the flag is declared. */
  readonly helpRequested: boolean;
}

export interface ParseOptions {
  readonly interspersed: boolean;
  /** Takes warnings about deprecated flags, a line each. */
  readonly warn: (line: string) => void;
}


/** @throws FlagFailure */
export function parseFlags(declarations: FlagDeclarations, words: readonly string[], options: ParseOptions): ParsedFlags {
  const byShort = new Map<string, string>();
  for (const [name, flag] of Object.entries(declarations)) if (flag.short !== undefined) byShort.set(flag.short, name);
  const values: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(declarations)) values[name] = flag.initial;
  const given = new Set<string>();
  const positional: string[] = [];
  let helpRequested = false;

  const set = (name: string, text: string): void => {
    const flag = declarations[name];
    if (flag === undefined) return;
    try {
      const target = flag.aliasOf ?? name;
      values[target] = flag.add(values[target], text);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const shown = flag.short === undefined ? `--${name}` : `-${flag.short}, --${name}`;
      throw new FlagFailure(`invalid argument ${quoteText(text)} for ${quoteText(shown)} flag: ${error.message}`);
    }
    given.add(name);
    if (flag.deprecated !== undefined) options.warn(`Flag --${name} has been deprecated, ${flag.deprecated}`);
  };
  const setHelp = (text: string): void => {
    if (!/^(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(text)) throw new FlagFailure(`invalid argument ${quoteText(text)} for "--help" flag: strconv.ParseBool: parsing ${quoteText(text)}: invalid syntax`);
    helpRequested = /^[1tT]/.test(text);
  };

  let next = 0;
  const longFlag = (word: string): void => {
    const body = word.slice(2);
    if (body === '' || body.startsWith('-') || body.startsWith('=')) throw new FlagFailure(`bad flag syntax: ${word}`);
    const cut = body.indexOf('=');
    const name = cut < 0 ? body : body.slice(0, cut);
    const flag = Object.hasOwn(declarations, name) ? declarations[name] : undefined;
    if (flag === undefined) {
      if (name !== 'help') throw new FlagFailure(`unknown flag: --${name}`);
      setHelp(cut < 0 ? 'true' : body.slice(cut + 1));
    } else if (cut >= 0) set(name, body.slice(cut + 1));
    else if (flag.valueWhenBare !== undefined) set(name, flag.valueWhenBare);
    else if (next < words.length) set(name, words[next++] ?? '');
    else throw new FlagFailure(`flag needs an argument: ${word}`);
  };
  const shortFlags = (word: string): void => {
    let letters = word.slice(1);
    while (letters !== '') {
      const letter = letters[0] ?? '';
      const name = byShort.get(letter);
      const rest = letters.slice(1);
      if (name === undefined) {
        if (letter !== 'h') throw new FlagFailure(`unknown shorthand flag: ${quoteRune(firstByte(letter))} in -${letters}`);
        options.warn('Flag shorthand -h has been deprecated, use --help');
        helpRequested = true;
        letters = rest;
        continue;
      }
      const flag = declarations[name];
      if (letters.length > 2 && letters[1] === '=') {
        set(name, letters.slice(2));
        return;
      }
      if (flag?.valueWhenBare !== undefined) {
        set(name, flag.valueWhenBare);
        letters = rest;
        continue;
      }
      if (rest !== '') set(name, rest);
      else if (next < words.length) set(name, words[next++] ?? '');
      else throw new FlagFailure(`flag needs an argument: ${quoteRune(firstByte(letter))} in -${letters}`);
      return;
    }
  };

  while (next < words.length) {
    const word = words[next++] ?? '';
    if (word.length < 2 || !word.startsWith('-')) {
      positional.push(word);
      if (!options.interspersed) {
        positional.push(...words.slice(next));
        break;
      }
    } else if (word === '--') {
      positional.push(...words.slice(next));
      break;
    } else if (word.startsWith('--')) longFlag(word);
    else shortFlags(word);
  }
  return { values, given, arguments: positional, helpRequested: helpRequested || values['help'] === true };
}

/** The library looks at bytes, and shows one as the character of its number. */
function firstByte(character: string): number {
  return Buffer.from(character)[0] ?? 0;
}
