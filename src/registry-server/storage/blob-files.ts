/**
 * The files of the storage: `blobs/<algorithm>/<two digits>/<digits>` whole and verified, `uploads/<id>` growing,
 * `trash/` on its way out. A blob appears by a rename and vanishes by one; nothing half-written is ever under `blobs`.
 */
import { constants, mkdirSync, renameSync } from 'node:fs';
import { mkdir, open, readdir, rm, statfs, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { digestAlgorithm, encodedPart, isDigest } from '#oci/digest.ts';
import { giveBuffer, takeBuffer } from './buffer-pool.ts';

const pageSize = 4096;

export class BlobFiles {
  /** Whether files can be read and written past the page cache. */
  readonly isDirect: boolean;
  readonly #root: string;
  /** Directories whose new names are not on the disk for certain. */
  readonly #unsynced = new Set<string>();
  #trashed = 0;

  private constructor(root: string, isDirect: boolean) {
    this.#root = root;
    this.isDirect = isDirect;
  }

  static async open(root: string): Promise<BlobFiles> {
    for (const name of ['blobs', 'uploads', 'trash']) await mkdir(join(root, name), { recursive: true, mode: 0o700 });
    const files = new BlobFiles(root, await canBeDirect(join(root, 'trash', 'probe')));
    await files.emptyTrash();
    return files;
  }

  /** The digest must be valid. */
  blobPath(digest: string): string {
    const encoded = encodedPart(digest);
    return join(this.#root, 'blobs', digestAlgorithm(digest), encoded.slice(0, 2), encoded);
  }

  uploadPath(id: string): string {
    return join(this.#root, 'uploads', id);
  }

  /** Undefined when the file is gone. `direct`: to be read past the page cache, where that is possible. */
  async openBlob(digest: string, { direct }: { direct: boolean } = { direct: false }): Promise<FileHandle | undefined> {
    try {
      return await open(this.blobPath(digest), direct && this.isDirect ? constants.O_RDONLY | constants.O_DIRECT : constants.O_RDONLY);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Gives a finished, synced upload its name. At once, so that the caller's row follows in the same turn. */
  publish(uploadId: string, digest: string): void {
    const path = this.blobPath(digest);
    const directory = dirname(path);
    if (mkdirSync(directory, { recursive: true, mode: 0o700 }) !== undefined) {
      this.#unsynced.add(dirname(directory));
      this.#unsynced.add(join(this.#root, 'blobs'));
    }
    renameSync(this.uploadPath(uploadId), path);
    this.#unsynced.add(directory);
  }

  /** Takes a blob's name away at once; its bytes are given back by `emptyTrash`. False when there was none. */
  retire(digest: string): boolean {
    try {
      renameSync(this.blobPath(digest), join(this.#root, 'trash', String(++this.#trashed)));
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  async emptyTrash(): Promise<void> {
    const directory = join(this.#root, 'trash');
    for (const name of await readdir(directory)) await rm(join(directory, name), { recursive: true, force: true });
  }

  async removeUpload(id: string): Promise<void> {
    await rm(this.uploadPath(id), { force: true });
  }

  async uploadIds(): Promise<string[]> {
    return await readdir(join(this.#root, 'uploads'));
  }

  /** Every digest a file is named after. */
  async *digests(): AsyncGenerator<string> {
    const top = join(this.#root, 'blobs');
    for (const algorithm of await readdir(top)) {
      for (const prefix of await readdir(join(top, algorithm))) {
        for (const encoded of await readdir(join(top, algorithm, prefix))) {
          const digest = `${algorithm}:${encoded}`;
          if (isDigest(digest)) yield digest;
        }
      }
    }
  }

  /** Waits until the names of all blobs published so far survive the loss of power. */
  async sync(): Promise<void> {
    const directories = [...this.#unsynced];
    this.#unsynced.clear();
    try {
      await Promise.all(directories.map(syncDirectory));
    } catch (error) {
      for (const directory of directories) this.#unsynced.add(directory);
      throw error;
    }
  }

  /** Bytes that may still be written. */
  async freeSpace(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#root);
    return bavail * bsize;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Not every file system can, and some want other bounds than a page's. */
async function canBeDirect(path: string): Promise<boolean> {
  const buffer = takeBuffer();
  try {
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_DIRECT, 0o600);
    try {
      const page = buffer.subarray(0, pageSize);
      await handle.write(page, 0, pageSize, pageSize);
      return (await handle.read(page, 0, pageSize, pageSize)).bytesRead === pageSize;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EINVAL') return false;
    throw error;
  } finally {
    giveBuffer(buffer);
  }
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
