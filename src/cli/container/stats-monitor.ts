/** Follows what containers use: one stream of samples for each, the latest kept. */
import type { Client } from '#client/client.ts';
import { usageOf, type ContainerUsage } from '#cli/format/stats-context.ts';

/** Milliseconds after which a stream that is silent has nothing to say. */
const patience = 2000;

interface Followed {
  usage: ContainerUsage | undefined;
  error: unknown;
  /** Settled at the first sample, failure or end of patience. */
  readonly first: PromiseWithResolvers<void>;
  readonly ending: AbortController;
}

export class StatsMonitor implements Disposable {
  readonly #client: Client;
  readonly #stream: boolean;
  readonly #signal: AbortSignal;
  readonly #followed = new Map<string, Followed>();

  /** @param options.stream false: one sample of each */
  constructor(client: Client, options: { stream: boolean; signal: AbortSignal }) {
    this.#client = client;
    this.#stream = options.stream;
    this.#signal = options.signal;
  }

  add(container: string): void {
    if (this.#followed.has(container)) return;
    const followed: Followed = { usage: undefined, error: undefined, first: Promise.withResolvers(), ending: new AbortController() };
    this.#followed.set(container, followed);
    void this.#follow(container, followed);
  }

  remove(container: string): void {
    this.#followed.get(container)?.ending.abort();
    this.#followed.delete(container);
  }

  /** Resolves when there is something to show of each container there is now. */
  async settled(): Promise<void> {
    await Promise.all([...this.#followed.values()].map(({ first }) => first.promise));
  }

  /** In the order they were added. */
  usages(): { container: string; usage: ContainerUsage | undefined }[] {
    return [...this.#followed].map(([container, { usage }]) => ({ container, usage }));
  }

  errors(): unknown[] {
    return [...this.#followed.values()].flatMap(({ error }) => (error === undefined ? [] : [error]));
  }

  [Symbol.dispose](): void {
    for (const container of [...this.#followed.keys()]) this.remove(container);
  }

  async #follow(container: string, followed: Followed): Promise<void> {
    const signal = AbortSignal.any([this.#signal, followed.ending.signal]);
    const silence = setTimeout(() => {
      followed.usage = undefined;
      followed.first.resolve();
    }, patience);
    silence.unref();
    try {
      for await (const stats of await this.#client.containers.stats(container, { stream: this.#stream, signal })) {
        followed.usage = usageOf(stats);
        followed.first.resolve();
        silence.refresh();
      }
    } catch (error) {
      followed.usage = undefined;
      if (!signal.aborted) followed.error = error;
    } finally {
      clearTimeout(silence);
      followed.first.resolve();
    }
  }
}
