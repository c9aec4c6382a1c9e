/** Reads the JSON documents of a progress or event stream: one a line. */

/** @throws SyntaxError for a line that is no JSON */
export async function* readJsonLines<T>(source: AsyncIterable<Buffer>): AsyncGenerator<T> {
  const decoder = new TextDecoder();
  let held = '';
  for await (const chunk of source) {
    held += decoder.decode(chunk, { stream: true });
    const lines = held.split('\n');
    held = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as T;
  }
  if (held.trim() !== '') yield JSON.parse(held) as T;
}
