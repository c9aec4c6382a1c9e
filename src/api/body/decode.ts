/** Typed values out of the JSON of requests. */
import { fail } from '#base/errors/failure.ts';
import type { JsonDocument } from '#base/json-document.ts';
import { readShape, ShapeFault, type Shape } from '#base/json-shape.ts';

/** As {@link readShape}. @throws api.invalid_json */
export function decode<T>(shape: Shape<T>, document: JsonDocument, structName: string): T {
  try {
    return readShape(shape, document, structName);
  } catch (error) {
    if (!(error instanceof ShapeFault)) throw error;
    throw fail('api.invalid_json', { reason: error.message }, error);
  }
}
