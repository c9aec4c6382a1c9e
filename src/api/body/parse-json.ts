/** The JSON of requests, read as Docker's decoder reads it. */
import { fail } from '#base/errors/failure.ts';
import { GoJsonFault, readFirstDocument } from '#base/go-json.ts';
import type { JsonDocument } from '#base/json-document.ts';

/** The one document in `text`. @throws api.invalid_json, api.content_after_json */
export function parseJson(text: string): JsonDocument {
  const read = readDocument(text);
  if (read === undefined) throw fail('api.invalid_json', { reason: 'got EOF while reading request body' });
  const { document, next } = read;
  // Go's `Decoder.More` takes a closing bracket for the end of an outer document.
  if (next !== undefined && next !== ']' && next !== '}') throw fail('api.content_after_json', { next });
  return document;
}

function readDocument(text: string): ReturnType<typeof readFirstDocument> {
  try {
    return readFirstDocument(text);
  } catch (error) {
    if (!(error instanceof GoJsonFault)) throw error;
    throw fail('api.invalid_json', { reason: error.message }, error);
  }
}
