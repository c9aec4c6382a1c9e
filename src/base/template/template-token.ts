/** Tokens of a template and how errors name them. */
import { quoteText } from './go-quote.ts';
import { textLength } from './go-text.ts';

export const keywords = [
  'block', 'break', 'continue', 'define', 'else', 'end', 'if', 'nil', 'range', 'template', 'with',
] as const;
export type Keyword = (typeof keywords)[number];

export type TokenType =
  | 'error' | 'end of text' | 'text' | 'left delimiter' | 'right delimiter' | 'space'
  | 'left parenthesis' | 'right parenthesis' | 'pipe' | 'assign' | 'declare' | 'character'
  | 'bool literal' | 'character literal' | 'complex literal' | 'number literal' | 'string literal' | 'raw string literal'
  | 'field' | 'identifier' | 'variable' | 'dot' | Keyword;

export interface Token {
  readonly type: TokenType;
  /** Where it begins in the template, in UTF-16 units. */
  readonly position: number;
  readonly text: string;
  /** The line it begins in, from 1. */
  readonly line: number;
}

/** The token as an error names it. */
export function describeToken(token: Token): string {
  if (token.type === 'end of text') return 'EOF';
  if (token.type === 'error') return token.text;
  if (token.type === 'dot' || isKeyword(token.type)) return `<${token.text}>`;
  if (textLength(token.text) > 10) return `${quoteText(Array.from(token.text).slice(0, 10).join(''))}...`;
  return quoteText(token.text);
}

export function isKeyword(word: string): word is Keyword {
  return (keywords as readonly string[]).includes(word);
}
