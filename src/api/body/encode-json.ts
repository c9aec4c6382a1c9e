/** JSON as Go's encoder writes it: one document and a line feed. */

const rules = {
  plain: /[\u2028\u2029]/g,
  html: /[<>&\u2028\u2029]/g,
};

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** JSON that is written already, with what HTML gives a meaning to escaped. */
export function escapeMarkup(json: string): string {
  return json.replace(rules.html, escapeCharacter);
}

/**
 * @param escaping `plain` for answers, `html` for what Docker encodes with Go's defaults (events, waits,
 *   progress lines, image inspection): `<`, `>` and `&` as escapes
 */
export function encodeJson(value: unknown, escaping: keyof typeof rules = 'plain'): string {
  const text = JSON.stringify(value);
  return `${text.replace(rules[escaping], escapeCharacter)}\n`;
}
