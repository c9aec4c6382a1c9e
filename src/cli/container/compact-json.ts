/** Checks a JSON text and drops its blanks, leaving all else as it is written; errors are those of Go's encoding/json. */
import { quoteRune } from '#base/template/go-quote.ts';

/** @throws Error with Go's texts */
export function compactJson(text: string): string {
  const scanner = new Scanner(text);
  scanner.value();
  scanner.end();
  return scanner.compact;
}

class Scanner {
  readonly #text: string;
  #at = 0;
  compact = '';

  constructor(text: string) {
    this.#text = text;
  }

  value(): void {
    const character = this.#peek();
    if (character === '{') this.#object();
    else if (character === '[') this.#array();
    else if (character === '"') this.#string();
    else if (character === '-' || /[0-9]/.test(character)) this.#number();
    else if (character === 't') this.#literal('true');
    else if (character === 'f') this.#literal('false');
    else if (character === 'n') this.#literal('null');
    else throw this.#invalid('looking for beginning of value');
  }

  end(): void {
    this.#skipBlanks();
    if (this.#at < this.#text.length) throw this.#invalid('after top-level value');
  }

  #object(): void {
    this.#take();
    if (this.#peek() === '}') return this.#take();
    for (;;) {
      if (this.#peek() !== '"') throw this.#invalid('looking for beginning of object key string');
      this.#string();
      if (this.#peek() !== ':') throw this.#invalid('after object key');
      this.#take();
      this.value();
      const next = this.#peek();
      if (next !== ',' && next !== '}') throw this.#invalid('after object key:value pair');
      this.#take();
      if (next === '}') return;
    }
  }

  #array(): void {
    this.#take();
    if (this.#peek() === ']') return this.#take();
    for (;;) {
      this.value();
      const next = this.#peek();
      if (next !== ',' && next !== ']') throw this.#invalid('after array element');
      this.#take();
      if (next === ']') return;
    }
  }

  #string(): void {
    this.#take();
    for (;;) {
      const character = this.#current();
      if (character < ' ') throw this.#invalid('in string literal');
      this.#take();
      if (character === '"') return;
      if (character === '\\') this.#escape();
    }
  }

  #escape(): void {
    const character = this.#current();
    if (!'"\\/bfnrtu'.includes(character)) throw this.#invalid('in string escape code');
    this.#take();
    if (character !== 'u') return;
    for (let digit = 0; digit < 4; digit++) {
      if (!/[0-9a-fA-F]/.test(this.#current())) throw this.#invalid('in \\u hexadecimal character escape');
      this.#take();
    }
  }

  #number(): void {
    if (this.#current() === '-') this.#take();
    if (this.#current() === '0') this.#take();
    else this.#digits('in numeric literal');
    if (this.#text[this.#at] === '.') {
      this.#take();
      this.#digits('after decimal point in numeric literal');
    }
    if (/[eE]/.test(this.#text[this.#at] ?? '')) {
      this.#take();
      if (/[+-]/.test(this.#current())) this.#take();
      this.#digits('in exponent of numeric literal');
    }
  }

  #digits(place: string): void {
    if (!/[0-9]/.test(this.#current())) throw this.#invalid(place);
    while (/[0-9]/.test(this.#text[this.#at] ?? '')) this.#take();
  }

  #literal(word: string): void {
    for (const [index, expected] of [...word].entries()) {
      if (this.#current() !== expected) throw this.#invalid(`in literal ${word} (expecting '${word[index]}')`);
      this.#take();
    }
  }

  #take(): void {
    this.compact += this.#text[this.#at++];
  }

  #skipBlanks(): void {
    while (/[ \t\r\n]/.test(this.#text[this.#at] ?? '')) this.#at++;
  }

  #peek(): string {
    this.#skipBlanks();
    return this.#current();
  }

  #current(): string {
    const character = this.#text[this.#at];
    if (character === undefined) throw new Error('unexpected end of JSON input');
    return character;
  }

  #invalid(place: string): Error {
    const character = this.#current();
    const shown = character === "'" ? `'\\''` : character === '"' ? `'"'` : quoteRune(character.codePointAt(0) ?? 0);
    return new Error(`invalid character ${shown} ${place}`);
  }
}
