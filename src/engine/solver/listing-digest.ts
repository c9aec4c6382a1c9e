/** By what a listing is known again that comes in many small messages: their lengths and bytes, hashed many at a time, as a hash is dearer to call than to compute. */
import { createHash } from 'node:crypto';

const batchSize = 64 * 1024;
const lengthSize = 4;

export class ListingDigest {
  readonly #hash = createHash('sha256');
  readonly #batch = Buffer.allocUnsafe(batchSize);
  #used = 0;

  add(message: Buffer): void {
    if (this.#used + lengthSize + message.length > batchSize) this.#flush();
    this.#used = this.#batch.writeUInt32BE(message.length, this.#used);
    if (this.#used + message.length > batchSize) {
      this.#flush();
      this.#hash.update(message);
    } else this.#used += message.copy(this.#batch, this.#used);
  }

  /** The digest in hexadecimal; to be called once. */
  finish(): string {
    this.#flush();
    return this.#hash.digest('hex');
  }

  #flush(): void {
    this.#hash.update(this.#batch.subarray(0, this.#used));
    this.#used = 0;
  }
}
