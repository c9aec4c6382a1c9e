/** Work that one run does for all who asked before it began: whoever comes while it runs shares the next. */
export class SharedRun {
  readonly #work: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  /** Resolves at the end of a run that began after this call. */
  async run(): Promise<void> {
    this.#next ??= (this.#running ?? Promise.resolve()).catch(() => undefined).then(async () => {
      this.#running = this.#next;
      this.#next = undefined;
      try {
        await this.#work();
      } finally {
        this.#running = undefined;
      }
    });
    await this.#next;
  }
}
