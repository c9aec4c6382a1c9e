/** Shell patterns as Go's `path.Match` reads them: `*` and `?` stop at `/`, `[a-z]`, `[^a-z]`, `\` quotes. */
import { fail } from '#base/errors/failure.ts';
import { familiarName, familiarText, type ImageReference } from './reference.ts';

/** Whether the pattern fits the name with tag or digest, or the bare name. @throws image.invalid_pattern "syntax error in pattern" */
export function matchesReference(pattern: string, reference: ImageReference): boolean {
  const expression = compilePattern(pattern);
  return expression.test(familiarText(reference)) || expression.test(familiarName(reference));
}

/** @throws image.invalid_pattern */
export function compilePattern(pattern: string): RegExp {
  let source = '';
  let at = 0;
  while (at < pattern.length) {
    const character = pattern.charAt(at);
    if (character === '*') {
      while (pattern.charAt(at) === '*') at++;
      source += '[^/]*';
    } else if (character === '?') {
      source += '[^/]';
      at++;
    } else if (character === '[') {
      const set = readSet(pattern, at);
      source += set.source;
      at = set.end;
    } else {
      const literal = readCharacter(pattern, at);
      source += RegExp.escape(literal.character);
      at = literal.end;
    }
  }
  return new RegExp(`^${source}$`, 'su');
}

function readSet(pattern: string, start: number): { source: string; end: number } {
  let at = start + 1;
  const negated = pattern.charAt(at) === '^';
  if (negated) at++;
  const alternatives: string[] = [];
  while (alternatives.length === 0 || pattern.charAt(at) !== ']') {
    const low = readMember(pattern, at);
    at = low.end;
    let high = low;
    if (pattern.charAt(at) === '-') {
      high = readMember(pattern, at + 1);
      at = high.end;
    }
    // A range the wrong way round matches nothing in Go, and is an error in a RegExp.
    if ((low.character.codePointAt(0) ?? 0) <= (high.character.codePointAt(0) ?? 0)) alternatives.push(`${quoted(low.character)}-${quoted(high.character)}`);
    else alternatives.push('');
  }
  const members = alternatives.join('');
  if (members === '') return { source: negated ? '[^]' : '(?!)', end: at + 1 };
  return { source: `[${negated ? '^' : ''}${members}]`, end: at + 1 };
}

function readMember(pattern: string, at: number): { character: string; end: number } {
  const first = pattern.charAt(at);
  if (first === '' || first === '-' || first === ']') throw fail('image.invalid_pattern');
  return readCharacter(pattern, at);
}

function readCharacter(pattern: string, start: number): { character: string; end: number } {
  const at = pattern.charAt(start) === '\\' ? start + 1 : start;
  const code = pattern.codePointAt(at);
  if (code === undefined) throw fail('image.invalid_pattern');
  const character = String.fromCodePoint(code);
  return { character, end: at + character.length };
}

function quoted(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
