/** The patterns of `${NAME#…}` and its kin: `*`, `?` and quoting by a backslash; no brackets. */

/** Takes the shortest, or with `greedy` the longest, match off the beginning. */
export function trimPrefix(value: string, pattern: string, greedy: boolean): string {
  const match = new RegExp(`^${sourceOf(pattern, greedy)}`, 'su').exec(value);
  return match === null ? value : value.slice(match[0].length);
}

/** Takes the shortest, or with `greedy` the longest, match off the end. */
export function trimSuffix(value: string, pattern: string, greedy: boolean): string {
  const whole = new RegExp(`^${sourceOf(pattern, true)}$`, 'su');
  const starts = Array.from({ length: value.length + 1 }, (_unused, index) => (greedy ? index : value.length - index));
  const start = starts.find((index) => whole.test(value.slice(index)));
  return start === undefined ? value : value.slice(0, start);
}

/** Replaces the first, or with `all` every, longest match. */
export function replacePattern(value: string, options: { pattern: string; replacement: string; all: boolean }): string {
  const expression = new RegExp(sourceOf(options.pattern, true), options.all ? 'gsu' : 'su');
  return value.replace(expression, () => options.replacement);
}

function sourceOf(pattern: string, greedy: boolean): string {
  const characters = [...pattern];
  let source = '';
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? '';
    if (character === '*') source += greedy ? '.*' : '.*?';
    else if (character === '?') source += '.';
    else if (character === '\\') {
      const quoted = characters[++at] ?? '';
      if (!['*', '?', '\\', '}', '/'].includes(quoted)) throw new Error(`invalid pattern (${pattern}) in substitution: invalid escape '\\${quoted}'`);
      source += RegExp.escape(quoted);
    } else source += RegExp.escape(character);
  }
  return source;
}
