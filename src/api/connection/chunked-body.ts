/** Follows a body in chunked transfer coding (RFC 9112 section 7.1) through pieces cut anywhere. */

const longestLine = 4096;
const lineFeed = 0x0a;

export class ChunkedBody {
  /** Whether the last chunk and the trailers have passed. */
  done = false;
  /** Whether this is no chunked body; the rest of the connection cannot be told apart then. */
  broken = false;
  #phase: 'size' | 'data' | 'dataEnd' | 'trailer' = 'size';
  #remaining = 0;
  #line = '';

  /**
   * Follows as much of `bytes` as belongs to the body.
   * @param onData gets the content
   * @returns how many bytes that were
   */
  follow(bytes: Buffer, onData?: (content: Buffer) => void): number {
    let position = 0;
    while (position < bytes.length && !this.done && !this.broken) {
      if (this.#phase === 'data') {
        const end = Math.min(bytes.length, position + this.#remaining);
        onData?.(bytes.subarray(position, end));
        this.#remaining -= end - position;
        position = end;
        if (this.#remaining === 0) this.#phase = 'dataEnd';
        continue;
      }
      const feed = bytes.indexOf(lineFeed, position);
      const end = feed < 0 ? bytes.length : feed + 1;
      this.#line += bytes.toString('latin1', position, end);
      position = end;
      if (feed >= 0) this.#lineEnded();
      else if (this.#line.length > longestLine) this.broken = true;
    }
    return position;
  }

  #lineEnded(): void {
    const line = this.#line.trimEnd();
    this.#line = '';
    switch (this.#phase) {
      case 'size': {
        const [digits] = /^[0-9a-fA-F]{1,12}(?=[ \t]*(;|$))/.exec(line) ?? [];
        if (digits === undefined) {
          this.broken = true;
          return;
        }
        this.#remaining = Number.parseInt(digits, 16);
        this.#phase = this.#remaining === 0 ? 'trailer' : 'data';
        return;
      }
      case 'dataEnd':
        this.broken = line !== '';
        this.#phase = 'size';
        return;
      case 'trailer':
        this.done = line === '';
        return;
      default:
    }
  }
}
