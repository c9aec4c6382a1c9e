/**
 * Splits a template into tokens, one at a time. Comments and trimmed white space leave no token;
 * after an error or the end of the text nothing follows.
 */
import { quoteText } from './go-quote.ts';
import { isPrintable } from './go-quote.ts';
import { isKeyword, type Token, type TokenType } from './template-token.ts';

const leftDelimiter = '{{';
const rightDelimiter = '}}';
const spaceRun = /[ \t\r\n]+/y;
const wordRun = /[\p{L}\p{Nd}_]+/uy;
const wordCharacter = /^[\p{L}\p{Nd}_]$/u;

export class TemplateLexer {
  readonly #input: string;
  #position = 0;
  #inAction = false;
  #depth = 0;
  // Lines are counted from here on.
  #countedTo = 0;
  #line = 1;

  constructor(input: string) {
    this.#input = input;
  }

  next(): Token {
    return this.#inAction ? this.#insideAction() : this.#text();
  }

  #token(type: TokenType, start: number, text = this.#input.slice(start, this.#position)): Token {
    for (; this.#countedTo < start; this.#countedTo++) if (this.#input[this.#countedTo] === '\n') this.#line++;
    return { type, position: start, text, line: this.#line };
  }

  #error(start: number, message: string): Token {
    return this.#token('error', start, message);
  }

  #text(): Token {
    const start = this.#position;
    const open = this.#input.indexOf(leftDelimiter, start);
    const end = open < 0 ? this.#input.length : open;
    const trims = open >= 0 && /^-[ \t\r\n]/.test(this.#input.slice(open + 2, open + 4));
    const text = this.#input.slice(start, end);
    const kept = trims ? text.replace(/[ \t\r\n]+$/, '') : text;
    if (kept !== '') {
      // What follows the kept text is looked at again, when no text is left.
      this.#position = start + kept.length;
      return this.#token('text', start, kept);
    }
    if (open < 0) {
      this.#position = end;
      return this.#token('end of text', end, '');
    }
    const inside = open + (trims ? 4 : 2);
    if (this.#input.startsWith('/*', inside)) return this.#comment(inside);
    this.#position = inside;
    this.#inAction = true;
    this.#depth = 0;
    return this.#token('left delimiter', open, leftDelimiter);
  }

  #comment(start: number): Token {
    const close = this.#input.indexOf('*/', start + 2);
    if (close < 0) return this.#error(start, 'unclosed comment');
    this.#position = close + 2;
    const length = this.#rightDelimiterLength();
    if (length === 0) return this.#error(start, 'comment ends before closing delimiter');
    this.#leave(length);
    return this.#text();
  }

  /** The length of the right delimiter here with its trim marker; 0: there is none. */
  #rightDelimiterLength(): number {
    if (this.#input.startsWith(rightDelimiter, this.#position)) return 2;
    return /^[ \t\r\n]-\}\}$/.test(this.#input.slice(this.#position, this.#position + 4)) ? 4 : 0;
  }

  #leave(delimiterLength: number): void {
    this.#position += delimiterLength;
    this.#inAction = false;
    if (delimiterLength === 4) this.#take(spaceRun);
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#position;
    const found = pattern.exec(this.#input)?.[0] ?? '';
    this.#position += found.length;
    return found;
  }

  /** The character here, whole. */
  #peek(): string {
    const code = this.#input.codePointAt(this.#position);
    return code === undefined ? '' : String.fromCodePoint(code);
  }

  #insideAction(): Token {
    const start = this.#position;
    const closing = this.#rightDelimiterLength();
    if (closing > 0) {
      if (this.#depth > 0) return this.#error(start, 'unclosed left paren');
      this.#leave(closing);
      return this.#token('right delimiter', start + closing - 2, rightDelimiter);
    }
    const character = this.#peek();
    if (character === '') return this.#error(start, 'unclosed action');
    if (/[ \t\r\n]/.test(character)) return this.#space(start);
    this.#position += character.length;
    switch (character) {
      case '=': return this.#token('assign', start);
      case '|': return this.#token('pipe', start);
      case '"': return this.#quoted(start, '"', 'string literal', 'unterminated quoted string');
      case "'": return this.#quoted(start, "'", 'character literal', 'unterminated character constant');
      case '`': return this.#rawQuoted(start);
      case '$': return this.#fieldOrVariable(start, 'variable');
      case ':':
        if (this.#peek() !== '=') return this.#error(start, 'expected :=');
        this.#position++;
        return this.#token('declare', start);
      case '(':
        this.#depth++;
        return this.#token('left parenthesis', start);
      case ')':
        this.#depth--;
        if (this.#depth < 0) return this.#error(start, 'unexpected right paren');
        return this.#token('right parenthesis', start);
      case '.':
        if (!/^[0-9]/.test(this.#input.slice(this.#position)) && this.#peek() !== '') return this.#fieldOrVariable(start, 'field');
        return this.#number(start);
      default:
        if (/[-+0-9]/.test(character)) return this.#number(start);
        if (wordCharacter.test(character)) return this.#identifier(start);
        if (character.charCodeAt(0) < 0x80 && isPrintable(character)) return this.#token('character', start);
        return this.#error(start, `unrecognized character in action: ${describeCharacter(character)}`);
    }
  }

  #space(start: number): Token {
    const run = this.#take(spaceRun);
    // The last space may belong to a trimming delimiter.
    if (this.#input.startsWith('-}}', this.#position)) {
      this.#position--;
      if (run.length === 1) return this.#insideAction();
    }
    return this.#token('space', start);
  }

  #quoted(start: number, quote: string, type: TokenType, message: string): Token {
    for (;;) {
      const character = this.#input[this.#position++];
      const escaped = character === '\\' ? this.#input[this.#position++] : character;
      if (escaped === undefined || escaped === '\n') return this.#error(start, message);
      if (character === quote) return this.#token(type, start);
    }
  }

  #rawQuoted(start: number): Token {
    const close = this.#input.indexOf('`', this.#position);
    if (close < 0) return this.#error(start, 'unterminated raw quoted string');
    this.#position = close + 1;
    return this.#token('raw string literal', start);
  }

  #fieldOrVariable(start: number, type: 'field' | 'variable'): Token {
    if (this.#atTerminator()) return this.#token(type === 'field' ? 'dot' : type, start);
    this.#take(wordRun);
    if (!this.#atTerminator()) return this.#error(start, `bad character ${describeCharacter(this.#peek())}`);
    return this.#token(type, start);
  }

  #identifier(start: number): Token {
    this.#take(wordRun);
    if (!this.#atTerminator()) return this.#error(start, `bad character ${describeCharacter(this.#peek())}`);
    const word = this.#input.slice(start, this.#position);
    if (isKeyword(word)) return this.#token(word, start);
    return this.#token(word === 'true' || word === 'false' ? 'bool literal' : 'identifier', start);
  }

  #atTerminator(): boolean {
    const character = this.#peek();
    return character === '' || ' \t\r\n.,|:)('.includes(character) || this.#input.startsWith(rightDelimiter, this.#position);
  }

  #number(start: number): Token {
    this.#position = start;
    if (!this.#scanNumber()) return this.#badNumber(start);
    const sign = this.#peek();
    if (sign !== '+' && sign !== '-') return this.#token('number literal', start);
    if (!this.#scanNumber() || this.#input[this.#position - 1] !== 'i') return this.#badNumber(start);
    return this.#token('complex literal', start);
  }

  #badNumber(start: number): Token {
    return this.#error(start, `bad number syntax: ${quoteText(this.#input.slice(start, this.#position))}`);
  }

  #scanNumber(): boolean {
    this.#take(/[-+]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][-+]?[0-9_]*)?|0[oO][0-7_]*(?:\.[0-7_]*)?|0[bB][01_]*(?:\.[01_]*)?|[0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9_]*)?)i?/y);
    const character = this.#peek();
    if (character === '' || !wordCharacter.test(character)) return true;
    this.#position += character.length;
    return false;
  }
}

/** Go's `%#U`. */
function describeCharacter(character: string): string {
  const code = character.codePointAt(0);
  // Go's end of file is the rune -1.
  if (code === undefined) return 'U+FFFFFFFFFFFFFFFF';
  const number = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  return isPrintable(character) ? `${number} '${character}'` : number;
}
