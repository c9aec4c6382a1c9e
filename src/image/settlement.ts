/**
 * What makes images survive the loss of power. Files are settled before the rows that name them are written, rows before
 * an operation is told to be done. Askers at one time share one call, as it is for the whole file system.
 */
import { statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { SharedRun } from '#base/shared-run.ts';
import { syncFileSystem } from '#kernel/sync-file-system.ts';
import type { StateDatabase } from '#store/state-database.ts';

export class Settlement {
  readonly #files: SharedRun;
  readonly #rows: SharedRun;

  /** @param directories below which all files lie, on whichever file systems @param names the directory whose entries rows name */
  constructor({ directories, names, database }: { directories: readonly string[]; names: string; database: StateDatabase }) {
    this.#files = new SharedRun(async () => {
      // Its device tells file systems apart.
      const roots = new Map(directories.map((directory) => [statSync(directory).dev, directory]));
      await Promise.all([...roots.values()].map(syncFileSystem));
    });
    this.#rows = new SharedRun(async () => {
      await using directory = await open(names, 'r');
      await directory.sync();
      await database.sync();
    });
  }

  /** Layers, blobs and configurations written so far. */
  async files(): Promise<void> {
    await this.#files.run();
  }

  /** What the database says of images and names by now. Costs little: nobody else's files are waited for. */
  async rows(): Promise<void> {
    await this.#rows.run();
  }
}
