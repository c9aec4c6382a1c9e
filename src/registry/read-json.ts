/** Reads a server's JSON; what is wrong with it is told in the words of Go's decoder, as far as its first document goes. */
import { goJsonFault } from '#base/go-json.ts';

/** @throws Error with those words */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Error(goJsonFault(text, 'decoder') ?? goJsonFault(text, 'unmarshal') ?? error.message, { cause: error });
  }
}
