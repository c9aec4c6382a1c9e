/** Temporary directories on the disk of the images. What a crash leaves there goes at the next start. */
import { randomInt } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

export interface WorkDirectory extends AsyncDisposable {
  readonly path: string;
}

export class Workspace {
  readonly #root: string;
  readonly #inUse = new Set<string>();

  /** @param root used by nothing else; made if missing */
  constructor(root: string) {
    this.#root = root;
    mkdirSync(root, { recursive: true, mode: 0o700 });
  }

  /** Paths of the directories that are not disposed yet. */
  get inUse(): readonly string[] {
    return [...this.#inUse];
  }

  /** A new directory; deleted with its contents when disposed. */
  async open(purpose: string): Promise<WorkDirectory> {
    const path = join(this.#root, `${purpose}-${randomInt(2e9, 4e9)}`);
    await mkdir(path, { mode: 0o700 });
    this.#inUse.add(path);
    const remove = async (): Promise<void> => {
      await rm(path, { recursive: true, force: true, maxRetries: 5 });
      this.#inUse.delete(path);
    };
    return { path, [Symbol.asyncDispose]: remove };
  }

  /** Removes what is there; nothing may be under way. */
  clear(): void {
    for (const name of readdirSync(this.#root)) rmSync(join(this.#root, name), { recursive: true, force: true });
  }
}
