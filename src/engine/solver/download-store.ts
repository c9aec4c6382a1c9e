/** Files that were downloaded and whose servers named their state (`ETag`): what did not change is not fetched again. */
import { mkdirSync, rmSync } from 'node:fs';
import { link, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { OwnedPath } from '#image/contract.ts';
import { newIdentifier } from '#base/identifier.ts';

export interface KeptDownload {
  /** `ETag` of its server; empty: it named none. */
  readonly entityTag: string;
  /** As the server names the file. */
  readonly name: string;
  /** Seconds since 1970. */
  readonly modified: number;
  readonly path: string;
}

/** Files and bytes that are kept. */
const mostFiles = 200;
const mostBytes = 1024 * 1024 * 1024;

export class DownloadStore {
  readonly #directory: string;
  readonly #files = new Map<string, KeptDownload & { readonly size: number }>();

  /** @param directory of this store's own; emptied */
  constructor(directory: string) {
    this.#directory = directory;
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  get(url: string): KeptDownload | undefined {
    return this.#files.get(url);
  }

  /** Keeps a file beside the one at its path, where its server named its state. Answers the file. */
  async keep(url: string, file: KeptDownload): Promise<KeptDownload> {
    const before = this.#files.get(url);
    if (before !== undefined) await this.#forget(url, before);
    const { size } = await stat(file.path);
    if (file.entityTag === '' || size > mostBytes) return file;
    const path = join(this.#directory, newIdentifier());
    await link(file.path, path);
    this.#files.set(url, { ...file, path, size });
    await this.#shrink();
    return file;
  }

  ownedPaths(): OwnedPath[] {
    return [...this.#files].map(([url, { path }]) => ({ path, kind: 'build', owner: url }));
  }

  /** Forgets everything. Builds that use a file have a name of their own for it. */
  async clear(): Promise<void> {
    for (const [url, file] of [...this.#files]) await this.#forget(url, file);
  }

  async #shrink(): Promise<void> {
    let bytes = [...this.#files.values()].reduce((sum, { size }) => sum + size, 0);
    for (const [url, file] of [...this.#files]) {
      if (bytes <= mostBytes && this.#files.size <= mostFiles) return;
      bytes -= file.size;
      await this.#forget(url, file);
    }
  }

  async #forget(url: string, file: KeptDownload): Promise<void> {
    if (this.#files.get(url)?.path === file.path) this.#files.delete(url);
    await rm(file.path, { force: true });
  }
}
