/** How much was copied so far, on a line of the terminal that goes away at the end. */
import { humanSize } from '#base/human-size.ts';
import type { Output } from '#cli/streams/output.ts';

const updateMilliseconds = 75;
const saveCursor = '\x1b[s';
const restoreCursor = '\x1b[u';
const eraseLine = '\x1b[2K';
const eraseTail = '\x1b[0K';
const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';

export class CopyProgress implements Disposable {
  readonly #output: Output;
  readonly #header: string;
  readonly #timer: NodeJS.Timeout | undefined;
  #copied = 0;
  #shown = 0;

  constructor(output: Output, direction: 'from' | 'to') {
    this.#output = output;
    this.#header = `Copying ${direction} container - `;
    if (!output.isTerminal) return;
    output.write(`${saveCursor}Preparing to copy...${hideCursor}${restoreCursor}${eraseLine}${this.#header}${humanSize(0, 3)}`);
    this.#timer = setInterval(() => this.#update(), updateMilliseconds);
    this.#timer.unref();
  }

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

  [Symbol.dispose](): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#output.write(`${showCursor}${restoreCursor}${eraseLine}`);
  }

  #update(): void {
    if (this.#copied === this.#shown) return;
    this.#shown = this.#copied;
    this.#output.write(`\x1b[${this.#header.length + 1}G${eraseTail}${this.total}`);
  }
}
