/**
 * Has V8 free what a stream of bytes leaves behind. Chunks lie outside the heap, where a small collection finds
 * the dead ones within a millisecond; but they do not fill the nursery, so that V8 waits until their bytes
 * make it collect the whole heap, again and again, at many times the cost.
 */

/** Bytes between two small collections. */
const batch = 8 * 1024 * 1024;

export class StreamLitter {
  /** Of all streams, whose chunks lie in one heap. */
  static #bytes = 0;

  /** To be told of every chunk that was used up. Without effect where the process has no `gc`. */
  dropped(bytes: number): void {
    StreamLitter.#bytes += bytes;
    if (StreamLitter.#bytes < batch) return;
    StreamLitter.#bytes = 0;
    globalThis.gc?.({ type: 'minor' });
  }
}
