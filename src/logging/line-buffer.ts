/** Cuts a stream of bytes into whole lines. A line that never ends is dropped, so memory stays bounded. */

/** A record holds at most 16 KiB, each byte of it six when escaped, and its attributes. */
const longestLine = 4 * 1024 * 1024;

export class LineBuffer {
  #rest = '';
  #dropping = false;

  /** The whole lines that these bytes complete, one byte per character; empty when there are none. */
  add(bytes: Buffer): string {
    const text = bytes.toString('latin1');
    const end = text.lastIndexOf('\n') + 1;
    if (end === 0) {
      if (!this.#dropping) this.#rest += text;
      if (this.#rest.length > longestLine) {
        this.#rest = '';
        this.#dropping = true;
      }
      return '';
    }
    const start = this.#dropping ? text.indexOf('\n') + 1 : 0;
    const lines = this.#rest + text.slice(start, end);
    this.#rest = text.slice(end);
    this.#dropping = false;
    return lines;
  }
}
