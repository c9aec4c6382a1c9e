/** Go's `%q` of a string and of a character, as its flag errors and help show them. */

/** A string in double quotes, with Go's escapes. */
export function quote(text: string): string {
  return `"${escapeFor(text, '"')}"`;
}

/** A character in single quotes, with Go's escapes. */
export function quoteCharacter(character: string): string {
  return `'${escapeFor(character, "'")}'`;
}

const named: Readonly<Record<string, string>> = {
  '\x07': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v', '\\': '\\\\',
};

function escapeFor(text: string, delimiter: string): string {
  let escaped = '';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const name = named[character];
    if (character === delimiter) escaped += `\\${character}`;
    else if (name !== undefined) escaped += name;
    else if (code < 0x20 || code === 0x7f) escaped += `\\x${code.toString(16).padStart(2, '0')}`;
    else if (isUnprintable(character)) escaped += code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
    else escaped += character;
  }
  return escaped;
}

function isUnprintable(character: string): boolean {
  return character !== ' ' && /[\p{C}\p{Z}]/u.test(character);
}
