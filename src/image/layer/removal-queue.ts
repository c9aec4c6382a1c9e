/**
 * Deletes directories in the background: they are moved out of the way at once and deleted one after the
 * other. What a crash or failure leaves is deleted by `repair`.
 */
import { mkdirSync, renameSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { failedWith } from '#kernel/failed-with.ts';
import { newDirectoryName } from './layer-paths.ts';

export class RemovalQueue {
  readonly #directory: string;
  #last: Promise<void> = Promise.resolve();
  #failure: unknown;

  /** @param directory on the file system of all that is to be deleted */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Moves `path` away, if there is such; from then on it is gone for everyone else. */
  remove(path: string): void {
    const moved = `${this.#directory}/${newDirectoryName()}`;
    try {
      this.#move(path, moved);
    } catch (error) {
      if (failedWith(error, 'ENOENT')) return;
      throw error;
    }
    this.#delete(moved);
  }

  /** Deletes what was left. */
  async repair(): Promise<void> {
    let names: string[] = [];
    try {
      names = await readdir(this.#directory);
    } catch (error) {
      if (!failedWith(error, 'ENOENT')) throw error;
    }
    for (const name of names) this.#delete(`${this.#directory}/${name}`);
    await this.idle();
  }

  /** Resolves when all is deleted. @throws the first failure */
  async idle(): Promise<void> {
    await this.#last;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
  }

  #move(path: string, moved: string): void {
    try {
      renameSync(path, moved);
    } catch (error) {
      if (!failedWith(error, 'ENOENT')) throw error;
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      renameSync(path, moved);
    }
  }

  #delete(path: string): void {
    this.#last = this.#last.then(() => rm(path, { recursive: true, force: true, maxRetries: 2 })).catch((error: unknown) => {
      this.#failure ??= error;
    });
  }
}
