/** Files that appear whole or not at all: written beside their place and moved there at the end. */
import { lstat, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Stats } from 'node:fs';
import { errnoText } from '#cli/errno-text.ts';

/** A file being written. Disposing of it without {@link commit} leaves nothing. */
export class NewFile implements AsyncDisposable {
  readonly #handle: FileHandle;
  readonly #temporary: string;
  readonly #path: string;
  #isOpen = true;

  private constructor(handle: FileHandle, temporary: string, path: string) {
    this.#handle = handle;
    this.#temporary = temporary;
    this.#path = path;
  }

  /** @throws Error with the texts of Docker's file writer */
  static async create(path: string): Promise<NewFile> {
    await checkDestination(path);
    const whole = resolve(path);
    const temporary = join(dirname(whole), `.tmp-${basename(path)}${process.pid}`);
    return new NewFile(await open(temporary, 'w', 0o600), temporary, whole);
  }

  async write(data: Uint8Array): Promise<void> {
    await this.#handle.writeFile(data);
  }

  async commit(): Promise<void> {
    await this.#handle.sync();
    await this.#handle.close();
    this.#isOpen = false;
    await rename(this.#temporary, this.#path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#handle.close();
    await rm(this.#temporary, { force: true });
  }
}

async function checkDestination(path: string): Promise<void> {
  if (path === '') throw new Error('file name is empty');
  const directory = dirname(path);
  if (directory !== '.' && directory !== '..') {
    let found: Stats;
    try {
      found = await stat(directory);
    } catch (error) {
      throw new Error(`invalid output path: stat ${directory}: ${errnoText(error)}`, { cause: error });
    }
    if (!found.isDirectory()) throw new Error(`invalid output path: stat ${directory}: not a directory`);
  }
  let existing: Stats;
  try {
    existing = await lstat(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw new Error(`failed to stat output path: lstat ${path}: ${errnoText(error)}`, { cause: error });
  }
  const kind = kindOf(existing);
  if (kind !== undefined) throw new Error(`cannot write to a ${kind}`);
}

/** What it is instead of a regular file. */
function kindOf(file: Stats): string | undefined {
  if (file.isFile()) return undefined;
  if (file.isDirectory()) return 'directory';
  if (file.isSymbolicLink()) return 'symbolic link directly';
  if (file.isFIFO()) return 'named pipe (FIFO)';
  if (file.isSocket()) return 'socket';
  return file.isCharacterDevice() ? 'character device file' : 'block device file';
}
