/** Files of `KEY=value` lines, as `--env-file` and `--label-file` name them. */
import { readFileSync } from 'node:fs';
import { errnoText } from './errno-text.ts';

/**
 * The lines that say something. A key alone takes its value from `lookup`, and is left out when that has none.
 * @throws Error with Docker's texts
 */
export function readKeyValueFile(path: string, lookup?: (key: string) => string | undefined): string[] {
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (error) {
    const reason = errnoText(error);
    // Go opens before it reads: a directory fails only then.
    throw new Error(reason === 'is a directory' ? `invalid env file (${path}): read ${path}: ${reason}` : `open ${path}: ${reason}`, { cause: error });
  }
  try {
    return parse(content, lookup);
  } catch (error) {
    throw new Error(`invalid env file (${path}): ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function parse(content: Buffer, lookup: ((key: string) => string | undefined) | undefined): string[] {
  const found: string[] = [];
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let start = 0;
  for (let number = 1; start < content.length; number++) {
    const end = content.indexOf(10, start);
    let bytes = content.subarray(start, end < 0 ? content.length : end);
    start = end < 0 ? content.length : end + 1;
    if (bytes.at(-1) === 13) bytes = bytes.subarray(0, -1);
    let line: string;
    try {
      line = decoder.decode(bytes);
    } catch (error) {
      throw new Error(`invalid utf8 bytes at line ${number}: [${[...bytes].join(' ')}]`, { cause: error });
    }
    if (number === 1) line = line.replace(/^\uFEFF/, '');
    line = line.trimStart();
    if (line === '' || line.startsWith('#')) continue;
    const cut = line.indexOf('=');
    const key = cut < 0 ? line : line.slice(0, cut);
    if (key === '') throw new Error(`no variable name on line '${line}'`);
    if (/[ \t]/.test(key)) throw new Error(`variable '${key}' contains whitespaces`);
    if (cut >= 0) {
      found.push(line);
      continue;
    }
    const value = lookup?.(line);
    if (value !== undefined) found.push(`${key}=${value}`);
  }
  return found;
}
