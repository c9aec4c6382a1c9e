/** Where an image is pulled from: the endpoint that has its manifest, and those after it that its blobs may come from when that one fails. */
import type { FetchedBlob, Repository } from '#registry/repository.ts';

export interface PullSourceOptions {
  readonly first: Repository;
  /** Open the others, in order; the last is the registry itself. */
  readonly others: readonly ((signal: AbortSignal) => Promise<Repository>)[];
}

export class PullSource implements Disposable {
  readonly #options: PullSourceOptions;
  readonly #opened = new Map<number, Promise<Repository>>();
  readonly #closing = new AbortController();

  constructor(options: PullSourceOptions) {
    this.#options = options;
  }

  get repository(): Repository {
    return this.#options.first;
  }

  /** Whether there is another endpoint after this one. */
  hasNext(place: number): boolean {
    return place < this.#options.others.length;
  }

  /** A blob from the endpoint at this place. @throws registry.blob_unknown, registry.refused, registry.unreachable … */
  async blob(place: number, digest: string, options: { offset?: number; signal: AbortSignal }): Promise<FetchedBlob> {
    const repository = place === 0 ? this.#options.first : await this.#open(place);
    options.signal.throwIfAborted();
    return await repository.blob(digest, options);
  }

  [Symbol.dispose](): void {
    this.#closing.abort();
    // One that could not be opened needs no closing, and its failure was told to whoever asked.
    for (const repository of this.#opened.values()) void repository.then((opened) => opened[Symbol.dispose](), () => undefined);
  }

  async #open(place: number): Promise<Repository> {
    const open = this.#options.others[place - 1];
    if (open === undefined) throw new Error('bug: there is no such endpoint');
    const opened = this.#opened.get(place) ?? open(this.#closing.signal);
    this.#opened.set(place, opened);
    try {
      return await opened;
    } catch (error) {
      this.#opened.delete(place);
      throw error;
    }
  }
}
