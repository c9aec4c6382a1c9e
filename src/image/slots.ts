/** At most so many at once of what takes much; places are given in the order they were asked for. */
export class Slots {
  readonly #limit: () => number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  /** @param limit asked whenever a place is wanted or given back; 0: any number */
  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** @param onWait called when there is no place yet. The place is given back by disposing. */
  async take(signal: AbortSignal, onWait: () => void): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.#isFull) {
      onWait();
      await this.#queue(signal);
    } else this.#taken++;
    let given = false;
    return {
      [Symbol.dispose]: () => {
        if (!given) this.#giveBack();
        given = true;
      },
    };
  }

  get #isFull(): boolean {
    const limit = this.#limit();
    return limit > 0 && this.#taken >= limit;
  }

  async #queue(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    const leave = (): void => {
      const index = this.#waiting.indexOf(resolve);
      if (index < 0) return;
      this.#waiting.splice(index, 1);
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', leave, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  #giveBack(): void {
    this.#taken--;
    // The limit may have been raised since.
    while (this.#waiting.length > 0 && !this.#isFull) {
      this.#taken++;
      this.#waiting.shift()?.();
    }
  }
}
