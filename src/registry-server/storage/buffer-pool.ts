/** Buffers that files are read into and written from, used again and again: blobs pass through without leaving garbage. */

export const bufferSize = 256 * 1024;
const mostSpare = 8;
const spare: Buffer[] = [];

export function takeBuffer(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(bufferSize);
}

/** Only what nobody reads or writes any more may be given back. */
export function giveBuffer(buffer: Buffer): void {
  if (spare.length < mostSpare) spare.push(buffer);
}

/** Frees the bytes of a chunk that has been used, where it owns them, rather than leaving them to the collector's leisure. */
export function freeChunk(chunk: Buffer): void {
  const { buffer } = chunk;
  if (chunk.byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
