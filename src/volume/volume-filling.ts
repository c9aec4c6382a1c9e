/**
 * Copy-up: an empty directory of a volume gets a content that is made beside it first. What a crash leaves is either
 * taken away or moved to its end before anybody uses the volume again, as a row says how far it was.
 */
import { chmod, chown, lstat, mkdir, readdir, realpath, rename, rm, stat, utimes } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { KeyedMutex } from '#base/keyed-mutex.ts';
import type { DocumentTable, StateDatabase } from '#store/state-database.ts';

/** Of a volume, by its name, that is being filled. */
interface Filling {
  /** The directory that is filled, below the content's root. */
  readonly directory: string;
  /** `moving`: the copy is whole. */
  readonly phase: 'copying' | 'moving';
}

/** Where a volume's content is. */
export interface FilledVolume {
  readonly name: string;
  /** Its content's root, mounted. */
  readonly root: string;
  /** A place for the copy on the same file system that the volume does not show; undefined: there is none but in the volume. */
  readonly beside: string | undefined;
}

const inside = '.dhow-filling';

export class VolumeFilling {
  readonly #table: DocumentTable<Filling>;
  readonly #open: Map<string, Filling>;
  readonly #mutex = new KeyedMutex();

  constructor(database: StateDatabase) {
    this.#table = database.table('volume_fillings');
    this.#open = new Map(this.#table.entries());
  }

  /** Whether a crash has cut its filling short, or it is being filled. */
  isOpen(name: string): boolean {
    return this.#open.has(name);
  }

  /** The volume is gone. */
  forget(name: string): void {
    if (this.#open.delete(name)) this.#table.delete(name);
  }

  /** @see VolumeStore.fill */
  async fill(volume: FilledVolume, directory: string, { copy, isShared }: { copy: (destination: string) => Promise<void>; isShared: () => boolean }): Promise<void> {
    const { name, root } = volume;
    using _held = await this.#mutex.acquire(name);
    await this.#finish(volume);
    if ((await readdir(directory)).length > 0) return;
    const staged = stagedIn(volume);
    const place = relative(await realpath(root), await realpath(directory));
    this.#book(name, { directory: place, phase: 'copying' });
    try {
      await rm(staged, { recursive: true, force: true });
      await mkdir(staged, { mode: 0o755 });
      await copy(staged);
      if (volume.beside !== undefined && place === '' && !isShared()) await takePlace(staged, directory);
      else {
        this.#book(name, { directory: place, phase: 'moving' });
        await moveContent(staged, directory);
      }
    } finally {
      await rm(staged, { recursive: true, force: true });
      this.forget(name);
    }
  }

  /** Ends what a crash cut short. To be called before anybody uses the volume. */
  async finish(volume: FilledVolume): Promise<void> {
    using _held = await this.#mutex.acquire(volume.name);
    await this.#finish(volume);
    if (volume.beside !== undefined) await rm(volume.beside, { recursive: true, force: true });
  }

  async #finish(volume: FilledVolume): Promise<void> {
    const filling = this.#open.get(volume.name);
    if (filling === undefined) return;
    const staged = stagedIn(volume);
    if (filling.phase === 'moving') await moveContent(staged, join(volume.root, filling.directory));
    await rm(staged, { recursive: true, force: true });
    this.forget(volume.name);
  }

  #book(name: string, filling: Filling): void {
    this.#table.put(name, filling);
    this.#open.set(name, filling);
  }
}

function stagedIn({ root, beside }: FilledVolume): string {
  return beside ?? join(root, inside);
}

async function takePlace(staged: string, directory: string): Promise<void> {
  try {
    await rename(staged, directory);
  } catch (error) {
    // Somebody wrote into it meanwhile: then it is theirs.
    if (!(error instanceof Error && 'code' in error && (error.code === 'ENOTEMPTY' || error.code === 'EEXIST'))) throw error;
  }
}

/** Into a directory that must stay the same one, as it is mounted somewhere. What others have put there meanwhile stays theirs. */
async function moveContent(from: string, to: string): Promise<void> {
  const attributes = await stat(from).catch(absent);
  if (attributes === undefined) return;
  for (const entry of await readdir(from, { encoding: 'buffer' })) {
    const target = Buffer.concat([Buffer.from(`${to}/`), entry]);
    if ((await lstat(target).catch(absent)) === undefined) await rename(Buffer.concat([Buffer.from(`${from}/`), entry]), target);
  }
  await chown(to, attributes.uid, attributes.gid);
  await chmod(to, attributes.mode & 0o7777);
  await utimes(to, attributes.atime, attributes.mtime);
}

function absent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}
