/** Tells when something changed in a directory, by inotify. Changes while nobody waits are remembered as one. */
import { watch, type FSWatcher } from 'node:fs';

export class ChangeWatcher implements Disposable {
  readonly #watcher: FSWatcher;
  #changed = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  /** @throws the system's error when the directory cannot be watched */
  constructor(directory: string) {
    this.#watcher = watch(directory, { persistent: true }, () => this.notify());
    this.#watcher.on('error', (error) => {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      this.notify();
    });
  }

  /** As if something had changed. */
  notify(): void {
    this.#changed = true;
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Resolves at the first change since the last call. @throws the watch's own failure */
  async next(): Promise<void> {
    if (!this.#changed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#changed = false;
    if (this.#failure !== undefined) throw this.#failure;
  }

  [Symbol.dispose](): void {
    this.#watcher.close();
  }
}
