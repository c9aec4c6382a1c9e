/** JSON strings as Go's encoder writes them, with what HTML gives a meaning to escaped. */

const meaningful = /[<>&\u2028\u2029]/g;

export function goJson(text: string): string {
  return JSON.stringify(text.toWellFormed()).replace(meaningful, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
