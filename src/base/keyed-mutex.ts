/**
 * One mutex per key: work on one object is serial, work on different objects is not.
 * A key costs nothing while nobody holds or awaits it.
 */
export class KeyedMutex {
  readonly #tails = new Map<string, Promise<void>>();

  /**
   * Waits for the key and holds it until the returned handle is disposed.
   * @throws the signal's reason when it aborts first; the place in the queue is then given up.
   */
  async acquire(key: string, signal?: AbortSignal): Promise<Disposable> {
    signal?.throwIfAborted();
    const before = this.#tails.get(key);
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const tail = before === undefined ? released : before.then(() => released);
    this.#tails.set(key, tail);
    const dispose = (): void => {
      release();
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    };
    if (before !== undefined) {
      try {
        await (signal === undefined ? before : raceAbort(before, signal));
      } catch (error) {
        // Those behind wait for both: our predecessor and us.
        release();
        void before.then(() => {
          if (this.#tails.get(key) === tail) this.#tails.delete(key);
        });
        throw error;
      }
    }
    return { [Symbol.dispose]: dispose };
  }

  /** Runs `work` while holding the key. */
  async run<T>(key: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    using _held = await this.acquire(key, signal);
    return await work();
  }
}

async function raceAbort(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
