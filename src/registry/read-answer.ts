/** Reads the body of an answer that is a document. */
import type { Readable } from 'node:stream';
import { fail } from '#base/errors/failure.ts';

/** @throws registry.answer_too_large */
export async function readAnswer(body: Readable, what: string, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    const bytes = Buffer.from(chunk as Uint8Array);
    size += bytes.length;
    if (size > limit) throw fail('registry.answer_too_large', { what, limit });
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}
