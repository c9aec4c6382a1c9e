/** Has passwords checked in a thread that lives while there is work, one after the other. */
import { Worker } from 'node:worker_threads';
import type { PasswordAnswer, PasswordQuestion } from './password-worker.ts';

/** Milliseconds the thread waits for more work. */
const longestIdle = 10_000;

export class PasswordChecker {
  readonly #asked = new Map<number, { resolve: (isRight: boolean) => void; reject: (error: Error) => void }>();
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #last = 0;

  /** Checks under way. */
  get waiting(): number {
    return this.#asked.size;
  }

  async check(password: string, hash: string): Promise<boolean> {
    clearTimeout(this.#idle);
    const worker = (this.#worker ??= this.#start());
    const id = ++this.#last;
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    this.#asked.set(id, { resolve, reject });
    worker.ref();
    worker.postMessage({ id, password, hash } satisfies PasswordQuestion);
    return await promise;
  }

  #start(): Worker {
    // In the bundle there is one file for all, which knows what to do in a thread.
    const here: string | undefined = import.meta.url;
    const worker = new Worker(here === undefined ? (process.argv[1] ?? '') : new URL('./password-worker.ts', here), { resourceLimits: { maxOldGenerationSizeMb: 32 } });
    worker.on('message', ({ id, isRight }: PasswordAnswer) => {
      this.#asked.get(id)?.resolve(isRight);
      this.#asked.delete(id);
      if (this.#asked.size > 0) return;
      worker.unref();
      this.#idle = setTimeout(() => this.#end(worker), longestIdle).unref();
    });
    worker.on('error', (error: Error) => this.#fail(worker, error));
    return worker;
  }

  #end(worker: Worker): void {
    if (this.#worker === worker) this.#worker = undefined;
    void worker.terminate();
  }

  #fail(worker: Worker, error: Error): void {
    this.#end(worker);
    for (const { reject } of this.#asked.values()) reject(error);
    this.#asked.clear();
  }
}
