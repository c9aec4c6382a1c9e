/** Writes tar archives as a stream of chunks. */
import { archiveEnd, encodeHeader, paddingFor, type TarHeader } from './header-encoder.ts';

/** A member of an archive to write. The length of `body` must be the header's size; a buffer's length need not be told. */
export interface TarMember {
  readonly header: TarHeader;
  readonly body?: Uint8Array | AsyncIterable<Uint8Array> | undefined;
}

/** The bytes of an archive; use with `Readable.from(…, { objectMode: false })`. Fails when a body is longer or shorter than its header says. */
export async function* writeTar(members: Iterable<TarMember> | AsyncIterable<TarMember>): AsyncGenerator<Uint8Array, void> {
  for await (const { header, body } of members) {
    if (body === undefined || body instanceof Uint8Array) {
      const size = body?.length ?? 0;
      if (header.size !== undefined && header.size !== size) throw lengthError(header, size);
      yield encodeHeader({ ...header, size });
      if (body !== undefined && size > 0) yield body;
      yield* padded(size);
      continue;
    }
    const size = header.size ?? 0;
    yield encodeHeader(header);
    let written = 0;
    for await (const chunk of body) {
      written += chunk.length;
      if (written > size) throw lengthError(header, written);
      yield chunk;
    }
    if (written < size) throw lengthError(header, written);
    yield* padded(size);
  }
  yield archiveEnd;
}

function* padded(size: number): Generator<Buffer> {
  const padding = paddingFor(size);
  if (padding.length > 0) yield padding;
}

function lengthError(header: TarHeader, length: number): Error {
  return new Error(`bug: contents of ${header.name} are ${length} bytes, its header says ${header.size}`);
}
