/**
 * Deletes directory trees however deep they are: a tree is moved to a directory of the queue's own, and
 * so is every directory found in it, so that no path gets longer than two names. What a crash or failure
 * leaves there is deleted by `repair`.
 */
import { mkdirSync, renameSync } from 'node:fs';
import { readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { failedWith } from '#kernel/failed-with.ts';
import { newDirectoryName } from './layer-paths.ts';

/** Files deleted together. */
const batch = 32;

export class RemovalQueue {
  readonly #directory: string;
  #last: Promise<void> = Promise.resolve();
  #failure: unknown;

  /** @param directory on the file system of all that is to be deleted */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Moves `path` away, if there is such, so that it is gone for everyone else, and deletes it in the background. */
  discard(path: string): void {
    const moved = this.#take(path);
    if (moved !== undefined) this.#enqueue(moved);
  }

  /** Deletes `path`, if there is such, with all that is in it. */
  async delete(path: string): Promise<void> {
    const moved = this.#take(path);
    if (moved !== undefined) await this.#deleteTree(moved);
  }

  /** Deletes what was left. */
  async repair(): Promise<void> {
    try {
      for (const name of await readdir(this.#directory)) this.#enqueue(`${this.#directory}/${name}`);
    } catch (error) {
      if (!failedWith(error, 'ENOENT')) throw error;
    }
    await this.idle();
  }

  /** Resolves when nothing is being deleted in the background. @throws the first failure */
  async idle(): Promise<void> {
    await this.#last;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
  }

  #take(path: string): string | undefined {
    const moved = `${this.#directory}/${newDirectoryName()}`;
    try {
      renameSync(path, moved);
      return moved;
    } catch (error) {
      if (!failedWith(error, 'ENOENT')) throw error;
    }
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    try {
      renameSync(path, moved);
      return moved;
    } catch (error) {
      if (failedWith(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  #enqueue(path: string): void {
    this.#last = this.#last.then(() => this.#deleteTree(path)).catch((error: unknown) => {
      this.#failure ??= error;
    });
  }

  async #deleteTree(path: string): Promise<void> {
    const pending = [path];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      for (const found of await this.#empty(next)) pending.push(found);
    }
  }

  /** Deletes a directory (or file); answers where the directories that were in it are now. */
  async #empty(path: string): Promise<string[]> {
    const parent = Buffer.from(`${path}/`);
    let entries;
    try {
      entries = await readdir(path, { withFileTypes: true, encoding: 'buffer' });
    } catch (error) {
      if (failedWith(error, 'ENOENT')) return [];
      if (!failedWith(error, 'ENOTDIR')) throw error;
      await unlink(path);
      return [];
    }
    const moved: string[] = [];
    for (let start = 0; start < entries.length; start += batch) {
      const work = entries.slice(start, start + batch).map(async (entry) => {
        const inner = Buffer.concat([parent, entry.name]);
        if (!entry.isDirectory()) return await unlessGone(() => unlink(inner));
        const target = `${this.#directory}/${newDirectoryName()}`;
        await unlessGone(async () => {
          await rename(inner, target);
          moved.push(target);
        });
      });
      await Promise.all(work);
    }
    await unlessGone(() => rmdir(path));
    return moved;
  }
}

/** Another queue may be deleting the same leftovers. */
async function unlessGone(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!failedWith(error, 'ENOENT')) throw error;
  }
}
