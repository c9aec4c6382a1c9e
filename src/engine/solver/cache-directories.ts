/** Directories that `RUN --mount=type=cache` keeps between builds, by id. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fail } from '#base/errors/failure.ts';
import { KeyedMutex } from '#base/keyed-mutex.ts';
import { timestampNow } from '#base/timestamp.ts';
import type { OwnedPath } from '#image/contract.ts';
import { copyDirectoryFromRoot } from '#kernel/copy-directory.ts';
import { packDirectory } from '#kernel/directory-archive.ts';
import { directorySize } from '#kernel/directory-size.ts';

export interface CacheDirectory extends Disposable {
  readonly path: string;
  /** It was made just now. */
  readonly fresh: boolean;
}

/** A kept directory as lists show it. */
export interface CacheDirectoryEntry {
  readonly name: string;
  readonly id: string;
  readonly created: string;
  /** RFC 3339. */
  readonly lastUsed: string;
  readonly uses: number;
  readonly size: number;
  readonly inUse: boolean;
}

interface Note {
  readonly id: string;
  readonly created: string;
  readonly lastUsed: string;
  readonly uses: number;
}

export class CacheDirectories {
  readonly #directory: string;
  readonly #mutex = new KeyedMutex();
  readonly #users = new Map<string, number>();

  /** @param mode of the directory: steps with users of their own must get through it */
  constructor(directory: string, mode: number) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode });
  }

  /** `private`: a directory that no other step has now; `locked`: waits until no other has it. */
  async open(id: string, sharing: 'shared' | 'private' | 'locked', signal: AbortSignal): Promise<CacheDirectory> {
    const base = createHash('sha256').update(id).digest('hex').slice(0, 32);
    const held = sharing === 'locked' ? await this.#mutex.acquire(base, signal) : undefined;
    let name = base;
    for (let number = 1; sharing === 'private' && (this.#users.get(name) ?? 0) > 0; number++) name = `${base}-${number}`;
    const path = join(this.#directory, name, 'content');
    const fresh = !existsSync(path);
    mkdirSync(path, { recursive: true, mode: 0o755 });
    const before = this.#note(name);
    const now = timestampNow();
    writeFileSync(join(this.#directory, name, 'note.json'), JSON.stringify({ id, created: before?.created ?? now, lastUsed: now, uses: (before?.uses ?? 0) + 1 } satisfies Note));
    this.#users.set(name, (this.#users.get(name) ?? 0) + 1);
    return {
      path,
      fresh,
      [Symbol.dispose]: () => {
        this.#leave(name);
        held?.[Symbol.dispose]();
      },
    };
  }

  /** Gives a fresh directory what a path of a file system holds. */
  async fill({ path }: CacheDirectory, root: string, source: string): Promise<void> {
    await copyDirectoryFromRoot(root, source === '' ? '/' : source, path);
  }

  /** What a directory holds, as a tar archive, by the id that lists show. It stays for so long. @throws build.cache_mount_missing */
  export(id: string, signal: AbortSignal): Readable {
    const name = readdirSync(this.#directory).find((one) => shownId(this.#note(one)?.id ?? '') === id) ?? '';
    if (name === '') throw fail('build.cache_mount_missing', { id });
    this.#users.set(name, (this.#users.get(name) ?? 0) + 1);
    const archive = packDirectory(join(this.#directory, name, 'content'), signal);
    archive.once('close', () => this.#leave(name));
    return archive;
  }

  async list(): Promise<CacheDirectoryEntry[]> {
    const entries: CacheDirectoryEntry[] = [];
    for (const name of readdirSync(this.#directory)) {
      const note = this.#note(name);
      if (note !== undefined) entries.push({ name, ...note, size: await directorySize(join(this.#directory, name, 'content')), inUse: this.#users.has(name) });
    }
    return entries;
  }

  /** The directory of each cache. */
  ownedPaths(): OwnedPath[] {
    return readdirSync(this.#directory).flatMap((name) => {
      const note = this.#note(name);
      return note === undefined ? [] : [{ path: join(this.#directory, name), kind: 'build cache', owner: note.id }];
    });
  }

  /** Deletes those of these that no step has. */
  async remove(names: readonly string[]): Promise<void> {
    for (const name of names) if (!this.#users.has(name)) await rm(join(this.#directory, name), { recursive: true, force: true });
  }

  #leave(name: string): void {
    const left = (this.#users.get(name) ?? 1) - 1;
    if (left === 0) this.#users.delete(name);
    else this.#users.set(name, left);
  }

  #note(name: string): Note | undefined {
    const path = join(this.#directory, name, 'note.json');
    try {
      return JSON.parse(readFileSync(path, 'utf8')) as Note;
    } catch {
      // A crash cut its writing short: the directory counts as one of its own name.
      if (!existsSync(join(this.#directory, name, 'content'))) return undefined;
      const moment = statSync(join(this.#directory, name)).mtime.toISOString();
      return { id: name, created: moment, lastUsed: moment, uses: 0 };
    }
  }
}

/** The id of a mount without what separates it from its name space, of which there is usually none. */
export function shownId(id: string): string {
  return id.replace(/^\//, '');
}
