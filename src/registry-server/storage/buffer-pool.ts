/**
 * Buffers that files are read into and written from, used again and again: blobs pass through without leaving garbage.
 * They begin with a page and are whole pages, as files opened with O_DIRECT want it. Only what has been used of them
 * takes memory.
 */

/** Many clients at once get smaller ones. */
const slabs = { first: { size: 384 * 1024, count: 40 }, further: { size: 64 * 1024, count: 64 } };
const pageOfMemory = 64 * 1024;

// Node's types leave it to those of browsers.
declare const WebAssembly: { readonly Memory: new (descriptor: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer } };

let large: Buffer[] | undefined;
const small: Buffer[] = [];

export function takeBuffer(): Buffer {
  large ??= makeSlab(slabs.first);
  const buffer = large.pop();
  if (buffer !== undefined) return buffer;
  if (small.length === 0) small.push(...makeSlab(slabs.further));
  return small.pop() ?? Buffer.alloc(0);
}

/** Only what nobody reads or writes any more may be given back. */
export function giveBuffer(buffer: Buffer): void {
  if (buffer.length === slabs.further.size) small.push(buffer);
  else large?.push(buffer);
}

/** Frees the bytes of a chunk that has been used, where it owns them, rather than leaving them to the collector's leisure. */
export function freeChunk(chunk: Buffer): void {
  const { buffer } = chunk;
  if (chunk.byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

function makeSlab({ size, count }: { size: number; count: number }): Buffer[] {
  const pages = (size * count) / pageOfMemory;
  // The one memory that is known to begin with a page.
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages });
  // The first are the last to be taken: those in use lie together.
  return Array.from({ length: count }, (_, index) => Buffer.from(buffer, (count - 1 - index) * size, size));
}
