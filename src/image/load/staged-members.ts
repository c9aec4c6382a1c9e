/**
 * Layers of an archive that are being unpacked while it is read on. A member is taken from the archive when
 * the next one comes; unpacking may go on beyond that, of a few members at a time.
 */
import { isFailure } from '#base/errors/failure.ts';
import type { StagedLayer } from '../layer/contract.ts';

/** More would not be quicker: what is read comes from one archive. */
const mostAtOnce = 2;

export class StagedMembers implements AsyncDisposable {
  readonly #signal: AbortSignal;
  readonly #all: Promise<StagedLayer>[] = [];
  readonly #running = new Set<Promise<unknown>>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /**
   * Answers when `contents` is read or will be read no further, how to get at the layer.
   * @throws what `contents` throws, layer.disk_full
   */
  async add(contents: AsyncIterable<Uint8Array>, stage: (contents: AsyncIterable<Uint8Array>) => Promise<StagedLayer>): Promise<() => Promise<StagedLayer>> {
    while (this.#running.size >= mostAtOnce) await Promise.race(this.#running);
    const source = new WatchedSource(contents, this.#signal);
    const staged = stage(source);
    this.#all.push(staged);
    const ended = staged.then(
      () => undefined,
      (error: unknown) => error,
    );
    const running = ended.then(() => void this.#running.delete(running));
    this.#running.add(running);
    const failure = await Promise.race([source.read, ended]);
    if (source.failure !== undefined) throw source.failure.reason;
    // On a full disk nothing that follows could be kept either.
    if (isFailure(failure, 'layer.disk_full')) throw failure;
    return async () => await staged;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const outcome of await Promise.allSettled(this.#all)) if (outcome.status === 'fulfilled') await outcome.value[Symbol.asyncDispose]();
  }
}

/** Tells when it was read, and whether it failed. */
class WatchedSource implements AsyncIterable<Uint8Array> {
  readonly read: Promise<undefined>;
  failure: { readonly reason: unknown } | undefined;
  readonly #contents: AsyncIterable<Uint8Array>;
  readonly #signal: AbortSignal;
  readonly #onRead: () => void;

  constructor(contents: AsyncIterable<Uint8Array>, signal: AbortSignal) {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.read = promise;
    this.#onRead = () => resolve(undefined);
    this.#contents = contents;
    this.#signal = signal;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    try {
      for await (const chunk of this.#contents) {
        this.#signal.throwIfAborted();
        yield chunk;
      }
    } catch (error) {
      this.failure = { reason: error };
      throw error;
    } finally {
      this.#onRead();
    }
  }
}
