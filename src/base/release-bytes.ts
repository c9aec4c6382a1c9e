/**
 * Gives the memory of bytes back that nobody looks at any more. A garbage collector knows of such memory only how
 * much there is, and collects the whole heap for it, again and again, while a stream passes.
 */

/** Afterwards the bytes are of length 0. Without effect where they share their memory with others. */
export function releaseBytes({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
