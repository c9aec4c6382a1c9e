/** One prune of a kind of things at a time, as in Docker. */
import { fail } from '#base/errors/failure.ts';

export class OnePrune {
  #running = false;

  /** @throws api.prune_running */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running) throw fail('api.prune_running');
    this.#running = true;
    try {
      return await work();
    } finally {
      this.#running = false;
    }
  }
}
