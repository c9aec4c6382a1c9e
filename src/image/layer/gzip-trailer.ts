/** The end of a gzip file, which tells what was compressed (RFC 1952, 2.3.1). */

const trailerSize = 8;

/** @param check CRC-32 of the contents @param length theirs in bytes */
export function gzipTrailer(check: number, length: number): Buffer {
  const trailer = Buffer.alloc(trailerSize);
  trailer.writeUInt32LE(check, 0);
  trailer.writeUInt32LE(length % 2 ** 32, 4);
  return trailer;
}

/** Keeps the last bytes of a stream, as many as a trailer has. */
export class StreamEnd {
  #bytes: Buffer = Buffer.alloc(0);

  add(chunk: Buffer): void {
    const joined = chunk.length >= trailerSize ? chunk : Buffer.concat([this.#bytes, chunk]);
    this.#bytes = Buffer.from(joined.subarray(-trailerSize));
  }

  equals(trailer: Buffer): boolean {
    return this.#bytes.equals(trailer);
  }
}
