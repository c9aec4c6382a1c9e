/** Counts what is copied. */
import { humanSize } from '#base/human-size.ts';

export class CopyProgress {
  #copied = 0;

  /** Passes the bytes on and counts them. */
  async *counted(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of chunks) {
      this.#copied += chunk.length;
      yield chunk;
    }
  }

  /** The bytes so far, as people read them. */
  get total(): string {
    return humanSize(this.#copied, 3);
  }
}
