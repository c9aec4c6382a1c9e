/**
 * How much blobs are wanted: those that several clients want belong in the page cache, those that one wants and nobody
 * before lately would only take others' place there.
 */

/** Milliseconds a pull is remembered. */
const memory = 60 * 60_000;
const mostRemembered = 4096;
/** Pulls within that time after which a blob belongs in the page cache. */
const pullsOfWanted = 2;

interface Demand {
  reading: number;
  pulls: number;
  last: number;
}

export class BlobDemand {
  /** Least lately wanted first. */
  readonly #demands = new Map<string, Demand>();

  /** Somebody begins to read the blob, until it is disposed. `isWanted`: by others, too. */
  read(digest: string): Disposable & { readonly isWanted: boolean } {
    const now = Date.now();
    const known = this.#demands.get(digest);
    const demand = known !== undefined && (known.reading > 0 || now - known.last < memory) ? known : { reading: 0, pulls: 0, last: now };
    const isWanted = demand.reading > 0 || demand.pulls >= pullsOfWanted;
    demand.reading++;
    demand.pulls++;
    demand.last = now;
    this.#demands.delete(digest);
    this.#demands.set(digest, demand);
    for (const oldest of this.#demands.keys()) {
      if (this.#demands.size <= mostRemembered) break;
      this.#demands.delete(oldest);
    }
    return { isWanted, [Symbol.dispose]: () => void demand.reading-- };
  }
}
