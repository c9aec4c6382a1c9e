/** The messages of a build on their way to its client. Writers wait when the client is slow. */
import type { ProgressMessage } from '#schema/image-views.ts';

const mostWaiting = 64;

export class BuildOutput {
  readonly #queue: ProgressMessage[] = [];
  readonly #quiet: ProgressMessage[] | undefined;
  #wake: () => void = () => undefined;
  #room: (() => void)[] = [];
  #left = false;

  /** @param quiet messages are kept, and shown only by {@link reveal} */
  constructor(quiet: boolean) {
    this.#quiet = quiet ? [] : undefined;
  }

  /** A piece of text. */
  async text(stream: string): Promise<void> {
    await this.message({ stream });
  }

  async message(message: ProgressMessage): Promise<void> {
    if (this.#quiet !== undefined) this.#quiet.push(message);
    else await this.show(message);
  }

  /** Shows a message also where the build is quiet. */
  async show(message: ProgressMessage): Promise<void> {
    if (this.#left) return;
    this.#queue.push(message);
    this.#wake();
    if (this.#queue.length >= mostWaiting) await new Promise<void>((resolve) => this.#room.push(resolve));
  }

  /** Shows what a quiet build kept. */
  async reveal(): Promise<void> {
    for (const message of this.#quiet?.splice(0) ?? []) await this.show(message);
  }

  /** The messages of `work` as they come, then its failure. Its signal is aborted when the reader leaves. */
  async *during(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): AsyncGenerator<ProgressMessage, void> {
    const left = new AbortController();
    let finished = false;
    const outcome = work(AbortSignal.any([signal, left.signal])).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    void outcome.then(() => {
      finished = true;
      this.#wake();
    });
    try {
      for (;;) {
        const message = this.#queue.shift();
        if (message !== undefined) {
          for (const resume of this.#room.splice(0)) resume();
          yield message;
        } else if (finished) break;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      const failure = await outcome;
      if (failure !== undefined) throw failure.error;
    } finally {
      this.#left = true;
      for (const resume of this.#room.splice(0)) resume();
      if (!finished) left.abort(new DOMException('the client went away', 'AbortError'));
      await outcome;
    }
  }
}
