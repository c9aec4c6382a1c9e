/**
 * The rules of a `.dockerignore` file: one pattern per line, `!` takes back, later lines decide, and what is
 * in an ignored directory is ignored (Docker's build reference, ".dockerignore file").
 */

interface Rule {
  readonly text: string;
  readonly expression: RegExp;
  readonly takesBack: boolean;
}

export class IgnorePatterns {
  readonly #rules: readonly Rule[];

  private constructor(rules: readonly Rule[]) {
    this.#rules = rules;
  }

  /** @throws Error "syntax error in pattern", or of a lone `!` */
  static parse(text: string): IgnorePatterns {
    const lines = text.replace(/^\uFEFF/, '').split('\n').map((line) => line.replace(/\r$/, ''));
    return IgnorePatterns.of(lines.filter((line) => !line.startsWith('#')).map((line) => line.trim()).filter((line) => line !== ''));
  }

  static of(patterns: readonly string[]): IgnorePatterns {
    return new IgnorePatterns(patterns.map(readRule));
  }

  get isEmpty(): boolean {
    return this.#rules.length === 0;
  }

  /** @param path relative, with slashes, without a leading one */
  matches(path: string): boolean {
    const ways = waysTo(path);
    let ignored = false;
    for (const { expression, takesBack } of this.#rules) {
      if (takesBack !== ignored) continue;
      if (ways.some((way) => expression.test(way))) ignored = !takesBack;
    }
    return ignored;
  }

  /** Whether something below an ignored directory may not be ignored. */
  mayTakeBackBelow(directory: string): boolean {
    return this.#rules.some(({ takesBack, text }) => takesBack && (`${text}/`.startsWith(`${directory}/`) || /[*?[]/.test(text)));
  }
}

function readRule(line: string): Rule {
  const takesBack = line.startsWith('!');
  const rest = (takesBack ? line.slice(1) : line).trim();
  if (takesBack && rest === '') throw new Error('illegal exclusion pattern: "!"');
  const text = clean(rest);
  return { text, takesBack, expression: expressionOf(text) };
}

/** Without `.`, `..` and double slashes. */
function clean(path: string): string {
  const kept: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else if (part !== '..' || !path.startsWith('/')) kept.push(part);
  }
  return kept.length === 0 ? '.' : kept.join('/');
}

/** The path and each directory on the way to it. */
function waysTo(path: string): string[] {
  const parts = path.split('/');
  return parts.map((_part, index) => parts.slice(0, index + 1).join('/'));
}

function expressionOf(pattern: string): RegExp {
  let source = '';
  let inSet = false;
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern.charAt(at);
    if (inSet) {
      if (character === ']') inSet = false;
      source += character === '\\' ? `\\${pattern.charAt(++at)}` : character;
    } else if (character === '*' && pattern.charAt(at + 1) === '*') {
      at++;
      if (pattern.charAt(at + 1) === '/') at++;
      source += at + 1 >= pattern.length ? '.*' : '(.*/)?';
    } else if (character === '*') source += '[^/]*';
    else if (character === '?') source += '[^/]';
    else if (character === '[') {
      inSet = true;
      source += character;
    } else if (character === '\\') {
      at++;
      if (at >= pattern.length) throw new Error('syntax error in pattern');
      source += RegExp.escape(pattern.charAt(at));
    } else source += RegExp.escape(character);
  }
  if (inSet) throw new Error('syntax error in pattern');
  return new RegExp(`^${source}$`, 's');
}
