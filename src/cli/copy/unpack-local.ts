/**
 * Unpacks a tar archive that came from a container into a directory of this machine. Everything belongs to the
 * user; no entry is written outside the directory, whatever links the archive or the directory has.
 */
import type { Stats } from 'node:fs';
import { chmod, link, lstat, lutimes, mkdir, open, realpath, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cleanPath } from '#base/go-path.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { errnoText } from '#cli/errno-text.ts';
import { readTar, type TarFile } from '#oci/tar/read-tar.ts';
import type { TarEntry } from '#oci/tar/tar-entry.ts';
import { renamed, type Renaming } from './copy-place.ts';
import { makeNode } from './make-node.ts';

/** @throws CommandFailure with Docker's texts */
export async function unpackLocal(archive: AsyncIterable<Uint8Array>, directory: string, renaming: Renaming): Promise<void> {
  const unpacking = new LocalUnpacking(await realpath(directory), renaming);
  for await (const file of readTar(archive)) await unpacking.place(file);
  await unpacking.finish();
}

class LocalUnpacking {
  readonly #root: string;
  readonly #renaming: Renaming;
  readonly #directories: { path: string; entry: TarEntry }[] = [];

  constructor(root: string, renaming: Renaming) {
    this.#root = root;
    this.#renaming = renaming;
  }

  async place({ entry, body }: TarFile): Promise<void> {
    const name = cleanPath(renamed(entry.name, this.#renaming));
    const path = await this.#pathOf(name, entry.name);
    const present = await lookAt(path);
    const isDirectory = entry.type === 'directory';
    if (present !== undefined && present.isDirectory() !== isDirectory) {
      const [was, becomes] = isDirectory ? ['non-directory', 'directory'] : ['directory', 'non-directory'];
      throw new CommandFailure(`cannot overwrite ${was} ${JSON.stringify(path)} with ${becomes} ${JSON.stringify(this.#root)}`);
    }
    // The directory itself stays as it is.
    if (isDirectory && path === this.#root) return;
    if (present !== undefined && !isDirectory) await rm(path);
    try {
      await this.#make(entry, path, { body, exists: present !== undefined });
    } catch (error) {
      if (error instanceof Error && 'syscall' in error) throw new CommandFailure(`${String(error.syscall)} ${path}: ${errnoText(error)}`, 1, error);
      throw error;
    }
  }

  /** Gives directories their times, which unpacking into them has changed. */
  async finish(): Promise<void> {
    for (const { path, entry } of this.#directories.reverse()) await setTimes(path, entry);
  }

  async #make(entry: TarEntry, path: string, { body, exists }: { body: TarFile['body']; exists: boolean }): Promise<void> {
    switch (entry.type) {
      case 'directory':
        if (!exists) await mkdir(path);
        await chmod(path, entry.mode);
        this.#directories.push({ path, entry });
        return;
      case 'file': {
        await using file = await open(path, 'wx', 0o600);
        for await (const chunk of body as AsyncIterable<Buffer>) await file.writeFile(chunk);
        await file.chmod(entry.mode);
        break;
      }
      case 'symlink':
        if (!this.#holds(join(dirname(path), entry.linkName))) throw new CommandFailure(`invalid symlink ${JSON.stringify(path)} -> ${JSON.stringify(entry.linkName)}`);
        await symlink(entry.linkName, path);
        break;
      case 'hardlink': {
        const name = renamed(entry.linkName, this.#renaming);
        await link(await this.#pathOf(cleanPath(name), entry.linkName), path);
        return;
      }
      default:
        await makeNode(path, entry);
    }
    await setTimes(path, entry);
  }

  /** Where an entry goes; missing directories are made. */
  async #pathOf(name: string, called: string): Promise<string> {
    if (name === '..' || name.startsWith('../')) throw new CommandFailure(`invalid entry name ${JSON.stringify(called)}`);
    const parts = name.split('/').filter((part) => part !== '' && part !== '.');
    const base = parts.pop();
    if (base === undefined) return this.#root;
    let real = this.#root;
    // Step by step, so that nothing is made behind a link that leads out.
    for (const part of parts) {
      const next = join(real, part);
      if ((await lookAt(next)) === undefined) await mkdir(next);
      real = await realpath(next);
      if (!this.#holds(real)) {
        throw new CommandFailure(`invalid entry name ${JSON.stringify(called)}: path escapes from parent`);
      }
    }
    return join(real, base);
  }

  #holds(path: string): boolean {
    return path === this.#root || path.startsWith(this.#root === '/' ? '/' : `${this.#root}/`);
  }
}

async function setTimes(path: string, { modified }: TarEntry): Promise<void> {
  const moment = modified.seconds + modified.nanoseconds / 1e9;
  await lutimes(path, moment, moment);
}

async function lookAt(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
