/** How far blobs under way have come, for those who read or watch them while another writes. */

export interface Growth {
  /** Bytes that can be read from the file. */
  readonly size: number;
  /** `lost`: what was written is gone. */
  readonly state: 'growing' | 'whole' | 'lost';
}

export class Growths {
  readonly #listeners = new Map<string, Set<(growth: Growth) => void>>();

  tell(digest: string, growth: Growth): void {
    for (const listener of [...(this.#listeners.get(digest) ?? [])]) listener(growth);
  }

  listen(digest: string, listener: (growth: Growth) => void): Disposable {
    const listeners = this.#listeners.get(digest) ?? new Set();
    this.#listeners.set(digest, listeners.add(listener));
    return {
      [Symbol.dispose]: () => {
        listeners.delete(listener);
        if (listeners.size === 0 && this.#listeners.get(digest) === listeners) this.#listeners.delete(digest);
      },
    };
  }
}
