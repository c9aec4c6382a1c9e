/** How much of a layer's archive was compressed so far, and whether its reader gave up: shared by the threads. */

const consumed = 0;
const stopped = 1;

export type PackProgressMemory = SharedArrayBuffer;

export function newPackProgressMemory(): PackProgressMemory {
  return new SharedArrayBuffer(16);
}

export class PackProgress {
  readonly #counters: BigInt64Array;

  constructor(memory: PackProgressMemory) {
    this.#counters = new BigInt64Array(memory);
  }

  /** Bytes. */
  get consumed(): number {
    return Number(Atomics.load(this.#counters, consumed));
  }

  set consumed(bytes: number) {
    Atomics.store(this.#counters, consumed, BigInt(bytes));
  }

  get isStopped(): boolean {
    return Atomics.load(this.#counters, stopped) !== 0n;
  }

  stop(): void {
    Atomics.store(this.#counters, stopped, 1n);
  }
}
