/** Reads the body of an answer that is a document. */
import type { Readable } from 'node:stream';
import { fail } from '#base/errors/failure.ts';
import { limitSilence } from './limit-silence.ts';

/** @throws registry.answer_too_large */
export async function readAnswer(body: Readable, what: string, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const bytes of limitSilence(body)) {
    size += bytes.length;
    if (size > limit) throw fail('registry.answer_too_large', { what, limit });
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}
