/** Packs files of this machine into a tar archive, as Docker's CLI does: sorted by name, times to the second, owners as numbers. */
import { createReadStream, type BigIntStats } from 'node:fs';
import { lstat, open, readdir, readlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { splitEntry } from '#base/go-path.ts';
import { errnoText } from '#cli/errno-text.ts';
import type { TarHeader } from '#oci/tar/header-encoder.ts';
import type { TarEntryType } from '#oci/tar/tar-entry.ts';
import { writeTar, type TarMember } from '#oci/tar/write-tar.ts';
import { renamed, type CopyPlace, type Renaming } from './copy-place.ts';

/** @param warn told of each file that cannot be read and is left out */
export function packLocal(source: CopyPlace, renaming: Renaming, warn: (text: string) => void): AsyncGenerator<Uint8Array, void> {
  return writeTar(new LocalPacking(renaming, warn).members(source));
}

class LocalPacking {
  readonly #renaming: Renaming;
  readonly #warn: (text: string) => void;
  /** Names of files that have several, by device and inode. */
  readonly #linked = new Map<string, string>();

  constructor(renaming: Renaming, warn: (text: string) => void) {
    this.#renaming = renaming;
    this.#warn = warn;
  }

  async *members({ path, rebaseName }: CopyPlace): AsyncGenerator<TarMember> {
    const { directory, base } = splitEntry(path);
    yield* this.#node(join(directory, base), rebaseName === '' ? base : rebaseName);
  }

  async *#node(path: string, name: string): AsyncGenerator<TarMember> {
    let member: TarMember | undefined;
    let opened: FileHandle | undefined;
    let isDirectory = false;
    try {
      const status = await lstat(path, { bigint: true });
      isDirectory = status.isDirectory();
      const type = typeOf(status);
      if (type === undefined) throw new Error('archive/tar: sockets not supported');
      const first = !isDirectory && status.nlink > 1n ? this.#linked.get(`${status.dev}:${status.ino}`) : undefined;
      const base = headerOf(status);
      if (first !== undefined) member = { header: { ...base, name: this.#name(name), type: 'hardlink', linkName: first, size: 0 } };
      else if (type === 'symlink') member = { header: { ...base, name: this.#name(name), type, linkName: await readlink(path) } };
      else if (type === 'file') {
        opened = await open(path);
        member = { header: { ...base, name: this.#name(name), type, size: Number(status.size) }, body: bodyOf(opened, Number(status.size)) };
      } else member = { header: { ...base, name: isDirectory ? `${this.#name(name)}/` : this.#name(name), type, ...deviceOf(status, type) } };
      if (first === undefined && !isDirectory && status.nlink > 1n) this.#linked.set(`${status.dev}:${status.ino}`, this.#name(name));
    } catch (error) {
      this.#warn(`Can't add file ${path} to tar: ${errnoText(error)}`);
      return;
    }
    try {
      yield member;
    } finally {
      await opened?.close();
    }
    if (!isDirectory) return;
    let children: string[];
    try {
      children = (await readdir(path)).sort();
    } catch (error) {
      this.#warn(`Tar: Can't stat file ${path} to tar: ${errnoText(error)}`);
      return;
    }
    for (const child of children) yield* this.#node(join(path, child), `${name}/${child}`);
  }

  #name(name: string): string {
    return renamed(name, this.#renaming);
  }
}

function typeOf(status: BigIntStats): TarEntryType | undefined {
  if (status.isFile()) return 'file';
  if (status.isDirectory()) return 'directory';
  if (status.isSymbolicLink()) return 'symlink';
  if (status.isFIFO()) return 'fifo';
  if (status.isCharacterDevice()) return 'character';
  return status.isBlockDevice() ? 'block' : undefined;
}

function headerOf(status: BigIntStats): Omit<TarHeader, 'name' | 'type'> {
  const second = 1_000_000_000n;
  const rest = ((status.mtimeNs % second) + second) % second;
  return {
    mode: Number(status.mode & 0o7777n),
    uid: Number(status.uid),
    gid: Number(status.gid),
    modified: { seconds: Number((status.mtimeNs - rest) / second), nanoseconds: 0 },
  };
}

/** The parts of the C library's `dev_t`. */
function deviceOf({ rdev }: BigIntStats, type: TarEntryType): { deviceMajor?: number; deviceMinor?: number } {
  if (type !== 'character' && type !== 'block') return {};
  return {
    deviceMajor: Number(((rdev >> 32n) & 0xfffff000n) | ((rdev >> 8n) & 0xfffn)),
    deviceMinor: Number(((rdev >> 12n) & 0xffffff00n) | (rdev & 0xffn)),
  };
}

/** Exactly `size` bytes: what grew is cut there, what shrank is filled with zeros. */
async function* bodyOf(handle: FileHandle, size: number): AsyncGenerator<Uint8Array> {
  let left = size;
  if (left > 0) {
    const stream = createReadStream('', { fd: handle, autoClose: false, end: size - 1, highWaterMark: 256 * 1024 });
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      left -= chunk.length;
      yield chunk;
    }
  }
  while (left > 0) {
    const zeros = Buffer.alloc(Math.min(left, 65536));
    left -= zeros.length;
    yield zeros;
  }
}
