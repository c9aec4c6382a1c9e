/**
 * Where in a container's log its reader is, so that another daemon can be asked for what follows: the time of the last
 * message, and how many messages of that very time there were. Asked for again, they are passed over.
 */
export class LogPosition {
  readonly #isTail: boolean;
  #time = '';
  /** Messages of that time that are complete, and bytes of the one that is not. */
  #complete = 0;
  #begun = 0;
  /** Whether a message of another time came before: else a tail may have begun in the middle of those of this time. */
  #moved = false;
  /** How far it was known when it was last asked for again. */
  #known = { time: '', complete: 0, begun: 0 };
  #passing: { readonly time: string; messages: number; bytes: number } | undefined;
  #left = 0;

  /** @param isTail whether only the last messages were asked for */
  constructor(isTail: boolean) {
    this.#isTail = isTail;
  }

  /** The time of the last message, which is where to begin again; empty: there was none. */
  get time(): string {
    return this.#time;
  }

  /** From now on messages come from {@link time} on again. */
  beginAgain(): void {
    if (this.#time === '') return;
    const { time, complete, begun } = this.#known;
    // One daemon may end before it has come to where the one before it did.
    if (time !== this.#time || this.#complete > complete || (this.#complete === complete && this.#begun > begun)) this.#known = { time: this.#time, complete: this.#complete, begun: this.#begun };
    this.#passing = this.#isTail && !this.#moved ? { time: this.#time, messages: Infinity, bytes: 0 } : { time: this.#time, messages: this.#known.complete, bytes: this.#known.begun };
    this.#complete = 0;
    this.#begun = 0;
  }

  /** A message begins. */
  begin(time: string): void {
    if (time !== this.#time) {
      this.#moved = this.#time !== '';
      this.#time = time;
      this.#complete = 0;
    }
    this.#begun = 0;
    const passing = this.#passing;
    this.#left = 0;
    if (passing === undefined) return;
    if (passing.time !== time || (passing.messages === 0 && passing.bytes === 0)) this.#passing = undefined;
    else if (passing.messages > 0) {
      passing.messages--;
      this.#left = Infinity;
    } else {
      this.#left = passing.bytes;
      this.#passing = undefined;
    }
  }

  /** What of a piece of the message is new. */
  take(piece: Buffer): Buffer {
    this.#begun += piece.length;
    const old = Math.min(this.#left, piece.length);
    this.#left -= old;
    return piece.subarray(old);
  }

  /** The message is complete. */
  end(): void {
    this.#complete++;
    this.#begun = 0;
  }
}
