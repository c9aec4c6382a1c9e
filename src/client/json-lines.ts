/** Reads the JSON documents of a progress or event stream: one a line. */

/** @param parse undefined: as JSON. @throws SyntaxError for a line that is none */
export async function* readJsonLines<T>(source: AsyncIterable<Buffer>, parse: (line: string) => T = (line) => JSON.parse(line) as T): AsyncGenerator<T> {
  const decoder = new TextDecoder();
  let held = '';
  for await (const chunk of source) {
    held += decoder.decode(chunk, { stream: true });
    const lines = held.split('\n');
    held = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield parse(line);
  }
  if (held.trim() !== '') yield parse(held);
}
