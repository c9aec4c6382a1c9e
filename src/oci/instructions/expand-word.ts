/**
 * Expands variables and resolves quotes as Docker does in instructions: `$NAME`, `${NAME}` and the
 * substitutions `:-` `-` `:+` `+` `:?` `?` `#` `##` `%` `%%` `/` `//` (Dockerfile reference,
 * "Environment replacement").
 */
import { messageOf } from '#base/errors/failure.ts';
import { changeError } from './change-error.ts';
import { replacePattern, trimPrefix, trimSuffix } from './shell-pattern.ts';

export interface ExpansionContext {
  readonly variables: ReadonlyMap<string, string>;
  readonly escape: string;
}

/** The word with everything resolved. @throws image.invalid_change */
export function expandWord(word: string, context: ExpansionContext): string {
  return expand(word, context).text;
}

/** As {@link expandWord}, split at the spaces that variables brought in. */
export function expandWords(word: string, context: ExpansionContext): string[] {
  return expand(word, context).words;
}

function expand(word: string, context: ExpansionContext): Expanded {
  try {
    return new WordReader(word, context).read(undefined, false);
  } catch (error) {
    throw changeError(`failed to process ${JSON.stringify(word)}: ${messageOf(error)}`);
  }
}

interface Expanded {
  readonly text: string;
  readonly words: string[];
}

class WordReader {
  readonly #characters: readonly string[];
  readonly #context: ExpansionContext;
  #at = 0;

  constructor(word: string, context: ExpansionContext) {
    this.#characters = [...word];
    this.#context = context;
  }

  /** Reads to `stop` or, without one, to the end. */
  read(stop: string | undefined, rawEscapes: boolean): Expanded {
    let text = '';
    const words: string[] = [];
    let word = '';
    const addLiteral = (part: string): void => {
      text += part;
      word += part;
    };
    const addSplit = (part: string): void => {
      text += part;
      for (const character of part) {
        if (!/\s/.test(character)) word += character;
        else if (word !== '') {
          words.push(word);
          word = '';
        }
      }
    };
    for (;;) {
      const character = this.#peek();
      if (character === undefined) {
        if (stop !== undefined) throw new Error(`unexpected end of statement while looking for matching ${stop}`);
        break;
      }
      if (character === stop) {
        this.#at++;
        break;
      }
      if (character === "'") addLiteral(this.#singleQuoted());
      else if (character === '"') addLiteral(this.#doubleQuoted(rawEscapes));
      else if (character === '$') addSplit(this.#dollar());
      else if (character === this.#context.escape) {
        this.#at++;
        addLiteral((rawEscapes ? character : '') + (this.#next() ?? ''));
      } else {
        this.#at++;
        addSplit(character);
      }
    }
    if (word !== '') words.push(word);
    return { text, words };
  }

  #singleQuoted(): string {
    this.#at++;
    let text = '';
    for (;;) {
      const character = this.#next();
      if (character === undefined) throw new Error('unexpected end of statement while looking for matching single-quote');
      if (character === "'") return text;
      text += character;
    }
  }

  #doubleQuoted(rawEscapes: boolean): string {
    const { escape } = this.#context;
    this.#at++;
    let text = '';
    for (;;) {
      const character = this.#peek();
      if (character === undefined) throw new Error('unexpected end of statement while looking for matching double-quote');
      if (character === '$') {
        text += this.#dollar();
        continue;
      }
      this.#at++;
      if (character === '"') return text;
      if (character !== escape) {
        text += character;
        continue;
      }
      if (rawEscapes) text += character;
      const quoted = this.#peek();
      if (quoted === undefined) continue;
      if (quoted === '"' || quoted === '$' || quoted === escape) {
        this.#at++;
        text += quoted;
      } else text += character;
    }
  }

  #dollar(): string {
    this.#at++;
    if (this.#peek() !== '{') {
      const name = this.#name();
      return name === '' ? '$' : (this.#context.variables.get(name) ?? '');
    }
    this.#at++;
    const first = this.#peek();
    if (first === undefined) throw new Error("syntax error: missing '}'");
    if (first === '{' || first === '}' || first === ':') throw new Error('syntax error: bad substitution');
    const name = this.#name();
    const value = this.#context.variables.get(name);
    const sign = this.#next() ?? '\uFFFD';
    if (sign === '}') return value ?? '';
    if (sign === '/') return this.#replaced(value ?? '');
    const colon = sign === ':';
    const operator = colon ? (this.#next() ?? '\uFFFD') : sign;
    const shown = colon ? `:${operator}` : operator;
    const isKnown = '+-?#%'.includes(operator);
    // Behind a colon the rest is read before it is looked at.
    if (!isKnown && !colon) throw new Error(`unsupported modifier (${shown}) in substitution`);
    const word = this.#operand('}', operator === '#' || operator === '%', "missing '}'");
    if (!isKnown || (colon && '#%'.includes(operator))) throw new Error(`unsupported modifier (${shown}) in substitution`);
    return substitute({ name, value, operator, colon, word });
  }

  #replaced(value: string): string {
    const all = this.#peek() === '/';
    if (all) this.#at++;
    const pattern = this.#operand('/', true, "missing '/' in ${}");
    const replacement = this.#operand('}', true, "missing '}'");
    return replacePattern(value, { pattern, replacement, all });
  }

  #operand(stop: string, rawEscapes: boolean, missing: string): string {
    try {
      return this.read(stop, rawEscapes).text;
    } catch (error) {
      if (this.#peek() === undefined) throw new Error(`syntax error: ${missing}`, { cause: error });
      throw error;
    }
  }

  /** A run of digits, one special parameter, or letters, digits and underscores. */
  #name(): string {
    const rest = this.#characters.slice(this.#at).join('');
    const name = /^(?:\p{Nd}+|[@*#?$!-]|[\p{L}\p{Nd}_]+)/u.exec(rest)?.[0] ?? '';
    this.#at += [...name].length;
    return name;
  }

  #peek(): string | undefined {
    return this.#characters[this.#at];
  }

  #next(): string | undefined {
    return this.#characters[this.#at++];
  }
}

function substitute(given: { name: string; value: string | undefined; operator: string; colon: boolean; word: string }): string {
  const { name, value, operator, colon, word } = given;
  const missing = value === undefined || (colon && value === '');
  switch (operator) {
    case '-':
      return missing ? word : value;
    case '+':
      return missing ? '' : word;
    case '?':
      if (!missing) return value;
      throw new Error(`${name}: ${word === '' ? `is not allowed to be ${value === undefined ? 'unset' : 'empty'}` : word}`);
    default: {
      const greedy = word.startsWith(operator);
      const pattern = greedy ? word.slice(1) : word;
      return operator === '#' ? trimPrefix(value ?? '', pattern, greedy) : trimSuffix(value ?? '', pattern, greedy);
    }
  }
}
