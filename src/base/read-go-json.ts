/** Reads documents by their shapes as Go does, and refuses them in its words. */
import { fail } from './errors/failure.ts';
import type { ErrorCode } from './errors/table.ts';
import { goJsonFault, readFirstDocument } from './go-json.ts';
import { readShape, ShapeFault, type Shape } from './json-shape.ts';

/**
 * @param reader which of Go's readers: `json.Unmarshal` wants one document, a decoder reads the first of a text
 * @param code of the failure, whose `message` is what is wrong
 */
export function readGoJson<T>(shape: Shape<T>, source: string, { structName, reader, code }: { structName: string; reader: 'unmarshal' | 'decoder'; code: ErrorCode }): T {
  const fault = goJsonFault(source, reader);
  if (fault !== undefined) throw fail(code, { message: fault });
  try {
    return readShape(shape, readFirstDocument(source)?.document ?? null, structName);
  } catch (error) {
    if (!(error instanceof ShapeFault)) throw error;
    throw fail(code, { message: error.message }, error);
  }
}
