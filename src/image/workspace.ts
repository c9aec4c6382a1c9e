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

  /** @param root used by nothing else; made if missing */
  constructor(root: string) {
    this.#root = root;
    mkdirSync(root, { recursive: true, mode: 0o700 });
  }

  /** A new directory; deleted with its contents when disposed. */
  async open(purpose: string): Promise<WorkDirectory> {
    const path = join(this.#root, `${purpose}-${randomInt(1e9, 1e10)}`);
    await mkdir(path, { mode: 0o700 });
    return { path, [Symbol.asyncDispose]: async () => await rm(path, { recursive: true, force: true, maxRetries: 5 }) };
  }

  /** Removes what is there; nothing may be under way. */
  clear(): void {
    for (const name of readdirSync(this.#root)) rmSync(join(this.#root, name), { recursive: true, force: true });
  }
}
