/** Manifest lists under way, in the user's configuration directory: a directory per list, a file per manifest, as Docker's CLI lays them out. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageReference } from '#oci/reference.ts';
import { wholeText, type ManifestEntry } from './manifest-entry.ts';

export class ManifestStore {
  readonly #root: string;

  constructor(configurationDirectory: string) {
    this.#root = join(configurationDirectory, 'manifests');
  }

  /** Undefined when it is not in the list. */
  get(list: ImageReference, manifest: ImageReference): ManifestEntry | undefined {
    return read(join(this.#directory(list), fileName(manifest)));
  }

  /** Undefined when there is no such list. */
  list(list: ImageReference): ManifestEntry[] | undefined {
    const directory = this.#directory(list);
    let names: string[];
    try {
      names = readdirSync(directory);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
    return names.length === 0 ? undefined : names.sort().flatMap((name) => read(join(directory, name)) ?? []);
  }

  save(list: ImageReference, manifest: ImageReference, entry: ManifestEntry): void {
    const directory = this.#directory(list);
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    writeFileSync(join(directory, fileName(manifest)), JSON.stringify(entry), { mode: 0o644 });
  }

  remove(list: ImageReference): void {
    rmSync(this.#directory(list), { recursive: true, force: true });
  }

  #directory(list: ImageReference): string {
    return join(this.#root, fileName(list));
  }
}

/** @throws Error with Docker's text */
export function unknownList(list: ImageReference): Error {
  return new Error(`No such manifest: ${wholeText(list)}`);
}

function fileName(reference: ImageReference): string {
  return wholeText(reference).replaceAll(':', '-').replaceAll('/', '_');
}

function read(path: string): ManifestEntry | undefined {
  try {
    // Files of this directory are written by `save` and Docker's CLI alone.
    return JSON.parse(readFileSync(path, 'utf8')) as ManifestEntry;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
