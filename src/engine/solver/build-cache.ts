/**
 * Results of build steps by what they were made from: cache key → layer. Records are rows of the state database;
 * the layers they name are kept for as long as the record is. A step that is under way is shared by all who ask for it.
 */
import { createHash } from 'node:crypto';
import { timestampNow } from '#base/timestamp.ts';
import type { ImageStore } from '#image/contract.ts';
import type { DocumentTable, StateDatabase } from '#store/state-database.ts';

export interface CacheRecord {
  /** Chain id of the layer that the step made, or of its base where it made none. */
  readonly chainId: string;
  /** Chain id it was made over; undefined: nothing. */
  readonly base: string | undefined;
  /** As `buildx du` shows it, such as `[stage-0 2/3] RUN make`. */
  readonly description: string;
  /** `regular`, `source.local`, `internal`. */
  readonly type: string;
  /** RFC 3339. */
  readonly created: string;
  readonly lastUsed: string;
  readonly uses: number;
}

/** A record as lists show it. */
export interface CacheEntry extends CacheRecord {
  readonly key: string;
  /** Bytes of its layer. */
  readonly size: number;
  /** Its layer belongs to an image, too, and stays when the record goes. */
  readonly shared: boolean;
  readonly inUse: boolean;
}

interface SharedWork {
  readonly result: Promise<string>;
  readonly stop: AbortController;
  waiting: number;
}

export class BuildCache {
  readonly #table: DocumentTable<CacheRecord>;
  readonly #records = new Map<string, CacheRecord>();
  readonly #images: ImageStore;
  readonly #works = new Map<string, SharedWork>();
  readonly #uses = new Map<string, number>();
  readonly #taken = new Set<string>();

  constructor(database: StateDatabase, images: ImageStore) {
    this.#table = database.table('build_cache');
    this.#images = images;
    for (const [key, record] of this.#table.entries()) this.#records.set(key, record);
    images.ownLayers(() => this.#ownedLayers());
  }

  /** The layer a step made before, when it is still here. */
  find(key: string): CacheRecord | undefined {
    const record = this.#records.get(key);
    if (record === undefined) return undefined;
    const used = { ...record, lastUsed: timestampNow(), uses: record.uses + 1 };
    this.#keep(key, used);
    return used;
  }

  get(key: string): CacheRecord | undefined {
    return this.#records.get(key);
  }

  /** `created`: when the layer was made; now unless given. */
  put(key: string, record: Pick<CacheRecord, 'chainId' | 'base' | 'description' | 'type'> & { readonly created?: string | undefined }): CacheRecord {
    const now = timestampNow();
    const whole: CacheRecord = { ...record, created: record.created ?? now, lastUsed: now, uses: 1 };
    this.#keep(key, whole);
    return whole;
  }

  /**
   * The result of `work`, which is done once for all who ask while it goes on: it is stopped when none of them waits any more.
   * @throws what `work` throws, or the signal's reason
   */
  async share(key: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<string>): Promise<string> {
    signal.throwIfAborted();
    let shared = this.#works.get(key);
    if (shared === undefined) {
      const stop = new AbortController();
      const result = work(stop.signal).finally(() => this.#works.delete(key));
      result.catch(() => undefined);
      shared = { result, stop, waiting: 0 };
      this.#works.set(key, shared);
    }
    const { result, stop } = shared;
    shared.waiting++;
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const leave = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    signal.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([result, aborted]);
    } finally {
      signal.removeEventListener('abort', leave);
      shared.waiting--;
      if (shared.waiting === 0 && signal.aborted) {
        // Nobody may join what is being stopped.
        if (this.#works.get(key) === shared) this.#works.delete(key);
        stop.abort(signal.reason);
        await result.catch(() => undefined);
      }
    }
  }

  /** Marks a record as used by a build until disposed. */
  use(key: string): Disposable {
    this.#uses.set(key, (this.#uses.get(key) ?? 0) + 1);
    return {
      [Symbol.dispose]: () => {
        const left = (this.#uses.get(key) ?? 1) - 1;
        if (left === 0) this.#uses.delete(key);
        else this.#uses.set(key, left);
      },
    };
  }

  /** Notes that a step is made from this source; whether one was before. Of images that is also known from the steps that are kept. */
  take(source: string, chainId?: string): boolean {
    const before = this.#taken.delete(source) || (chainId !== undefined && [...this.#records.values()].some(({ base }) => base === chainId));
    this.#taken.add(source);
    const [oldest] = this.#taken;
    if (oldest !== undefined && this.#taken.size > mostTaken) this.#taken.delete(oldest);
    return before;
  }

  list(isImageLayer: (chainId: string) => boolean): CacheEntry[] {
    // Records of other keys that lead to the same layer are no more than that.
    return [...this.#records].filter(([, { type }]) => type !== 'internal').map(([key, record]) => ({
      ...record,
      key,
      size: record.chainId === record.base ? 0 : this.#images.layerSize(record.chainId),
      shared: isImageLayer(record.chainId),
      inUse: this.#uses.has(key),
    }));
  }

  /** Deletes records and the layers that nothing else wants. */
  async remove(keys: readonly string[]): Promise<void> {
    const layers = keys.flatMap((key) => this.#records.get(key)?.chainId ?? []);
    const gone = new Set(layers);
    const aliases = [...this.#records].flatMap(([key, { type, chainId }]) => (type === 'internal' && gone.has(chainId) ? [key] : []));
    for (const key of [...keys, ...aliases]) {
      this.#records.delete(key);
      this.#table.delete(key);
    }
    const chains = layers.map((chainId) => this.#chain(chainId)).sort((a, b) => b.length - a.length);
    await this.#images.releaseLayers(chains.flat());
  }

  #keep(key: string, record: CacheRecord): void {
    this.#records.set(key, record);
    this.#table.put(key, record);
  }

  *#ownedLayers(): Generator<string> {
    const seen = new Set<string>();
    for (const { chainId } of this.#records.values()) {
      for (const layer of this.#chain(chainId)) {
        if (seen.has(layer)) break;
        seen.add(layer);
        yield layer;
      }
    }
  }

  /** A layer and all below it, topmost first; none where it is gone. */
  #chain(chainId: string): string[] {
    return this.#images.layerChain(chainId);
  }
}

/** Sources that are known to have been used. */
const mostTaken = 10_000;

/** To be raised when steps of the same key come out differently than before: what is kept is then not found any more, and goes with time. */
const solverVersion = 3;

/** Names what a step is made from. */
export function cacheKeyOf(...parts: readonly unknown[]): string {
  return `sha256:${createHash('sha256').update(JSON.stringify([solverVersion, ...parts])).digest('hex')}`;
}
