/** Reads a server's JSON; what is wrong with it is told in the words of Go's decoder, as far as its first document goes. */

/** @throws Error with those words */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Error(jsonFault(text, error), { cause: error });
  }
}

/** What `JSON.parse` found wrong with a text, in those words. */
export function jsonFault(text: string, error: SyntaxError): string {
  const trimmed = text.trimStart();
  if (trimmed === '') return 'EOF';
  const first = [...trimmed][0] ?? '';
  if (!/^(?:[{["\d-]|true|false|null)/.test(trimmed) && !/^[tfn]/.test(trimmed)) return `invalid character ${first === "'" ? `'\\''` : `'${first}'`} looking for beginning of value`;
  if (/Unexpected end of JSON input|Unterminated string/.test(error.message)) return 'unexpected EOF';
  const place = Number(/at position (\d+)/.exec(error.message)?.[1] ?? Number.NaN);
  const found = Number.isNaN(place) ? undefined : [...text.slice(place)][0];
  return found === undefined ? 'unexpected EOF' : `invalid character '${found}' in JSON document`;
}
