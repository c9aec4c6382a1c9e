/** How far a file that a worker reads has come while the main thread still fills it: counters in shared memory. */

const available = 0;
const consumed = 1;
/** As 32-bit words, behind the two counters. */
const acts = 4;
/** 0 as long as it goes on. */
const state = 5;

const broken = 1;

export type FeedMemory = SharedArrayBuffer;

export function newFeedMemory(): FeedMemory {
  return new SharedArrayBuffer(24);
}

export class FileFeed {
  readonly #counters: BigInt64Array;
  readonly #words: Int32Array;

  constructor(memory: FeedMemory) {
    this.#counters = new BigInt64Array(memory, 0, 2);
    this.#words = new Int32Array(memory);
  }

  /** Tells how many bytes can be read. */
  grow(size: number): void {
    Atomics.store(this.#counters, available, BigInt(size));
    this.#act();
  }

  /** Tells the worker to stop. */
  break(): void {
    Atomics.store(this.#words, state, broken);
    this.#act();
  }

  /** Bytes the worker has read. */
  get consumed(): number {
    return Number(Atomics.load(this.#counters, consumed));
  }

  /** The worker's side: waits for bytes from `position` on that were not there when it last looked. @returns false when it is to stop */
  waitBeyond(position: number): boolean {
    Atomics.store(this.#counters, consumed, BigInt(position));
    for (;;) {
      const seen = Atomics.load(this.#words, acts);
      if (Atomics.load(this.#words, state) === broken) return false;
      if (Number(Atomics.load(this.#counters, available)) > position) return true;
      Atomics.wait(this.#words, acts, seen);
    }
  }

  /** The worker's side: waits until something changes, for a file that is shorter than was told. It is begun anew then. */
  waitForChange(milliseconds: number): void {
    Atomics.wait(this.#words, acts, Atomics.load(this.#words, acts), milliseconds);
  }

  #act(): void {
    Atomics.add(this.#words, acts, 1);
    Atomics.notify(this.#words, acts);
  }
}
