/** Reads small request bodies whole, with a limit; big ones (archives) are streams and never come here. */
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { JsonDocument } from '#base/json-document.ts';
import { fail } from '#base/errors/failure.ts';
import { requireJsonType } from './content-type.ts';
import { parseJson } from './parse-json.ts';

/** Bytes a JSON document may have. Docker sets no limit; its largest real requests are some kilobytes. */
export const jsonLimit = 4 * 1024 * 1024;

/** @throws api.body_too_large, before all of it is read */
export async function readAll(body: Readable, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  // A body that is too large leaves its connection usable: an answer is still to be sent.
  for await (const chunk of body.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > limit) throw fail('api.body_too_large', { limit });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** What a JSON endpoint does about a request's body. */
export interface JsonBodyRules {
  /** Whether a request without a body is answered as if it held null. */
  readonly optional: boolean;
}

type Headers = IncomingMessage['headers'];

/** Whether a body is announced at all. */
export function hasBody(headers: Headers): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] !== undefined && headers['content-length'] !== '0');
}

/** @throws api.malformed_content_type, api.unsupported_content_type */
export function checkJsonType(headers: Headers): void {
  const type = headers['content-type'];
  if ((type === undefined || type === '') && !hasBody(headers)) return;
  requireJsonType(type ?? '');
}

/** The document of a request. @throws api.invalid_json and its like, with Docker's texts */
export async function readJson(headers: Headers, body: Readable, rules: JsonBodyRules): Promise<JsonDocument> {
  checkJsonType(headers);
  if (!hasBody(headers) && rules.optional) return null;
  const bytes = await readAll(body, jsonLimit);
  return parseJson(bytes.toString('utf8'));
}
