/** The in-memory sides of all containers, made on first use and dropped with the container. */
import { LiveContainer } from './live-container.ts';

export class LiveContainers {
  readonly #byId = new Map<string, LiveContainer>();

  of(id: string): LiveContainer {
    let live = this.#byId.get(id);
    if (live === undefined) {
      live = new LiveContainer();
      this.#byId.set(id, live);
    }
    return live;
  }

  /** Undefined when nothing of it is in memory, as after its removal. */
  find(id: string): LiveContainer | undefined {
    return this.#byId.get(id);
  }

  drop(id: string): void {
    this.#byId.delete(id);
  }

  all(): IterableIterator<[id: string, live: LiveContainer]> {
    return this.#byId.entries();
  }
}
