/** Rings that are used again: made anew for each layer, their memory would stay until both threads collect garbage. */
import { newRingMemory, type RingMemory } from './byte-ring.ts';

const spareLimit = 2;
const spareMilliseconds = 5000;

export class RingPool {
  #spare: RingMemory[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Disposed, it must be used by neither thread any more. */
  take(): Disposable & { readonly memory: RingMemory } {
    const memory = this.#spare.pop() ?? newRingMemory();
    return { memory, [Symbol.dispose]: () => this.#giveBack(memory) };
  }

  #giveBack(memory: RingMemory): void {
    new Int32Array(memory.control).fill(0);
    if (this.#spare.length < spareLimit) this.#spare.push(memory);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.#spare = []), spareMilliseconds).unref();
  }
}
