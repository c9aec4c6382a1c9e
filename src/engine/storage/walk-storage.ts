/** Walks the data root and finds the owner of everything in it. Nothing is changed. */
import { lstat, readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { BigIntStats } from 'node:fs';
import type { StorageReport } from '#schema/storage-report.ts';
import type { OwnedPath } from '#image/contract.ts';

/** Directories that are there even when there is nothing in them. */
const structure = [
  'containers', 'content', 'content/blobs', 'content/blobs/sha256', 'content/blobs/sha384', 'content/blobs/sha512', 'content/ingest', 'image', 'image/tmp',
  'image/overlay2', 'image/overlay2/imagedb', 'image/overlay2/imagedb/content', 'image/overlay2/imagedb/content/sha256', 'image/overlay2/layerdb',
  'image/overlay2/layerdb/sha256', 'image/overlay2/layerdb/tmp', 'image/overlay2/layerdb/mounts', 'image/vfs', 'image/vfs/layerdb', 'image/vfs/layerdb/mounts', 'image/fuse-overlayfs', 'image/fuse-overlayfs/layerdb', 'image/fuse-overlayfs/layerdb/mounts',
  'overlay2', 'overlay2/l', 'overlay2/.preparing', 'overlay2/.unpacking', 'vfs', 'vfs/dir', 'vfs/.preparing', 'vfs/.removing', 'tmp', 'volumes',
  'builds', 'builds/solves', 'builds/contexts', 'builds/downloads', 'build-caches', 'build-history',
];
/** The engine's own files and directories. */
const own: Readonly<Record<string, string>> = {
  'state.db': 'database', 'state.db-wal': 'database', 'state.db-shm': 'database',
  'dhowd.lock': 'engine', 'engine-id': 'engine', seccomp: 'engine', runtimes: 'engine', events: 'event log',
};
const blockSize = 512;

type Usage = Pick<StorageReport, 'Bytes' | 'Usage' | 'Orphans'>;

/** @param owned absolute paths of files and whole directories below the data root */
export async function walkStorage(dataRoot: string, owned: readonly OwnedPath[], signal: AbortSignal): Promise<Usage> {
  return await new StorageWalk(dataRoot, owned, signal).run();
}

class StorageWalk {
  readonly #root: string;
  readonly #signal: AbortSignal;
  readonly #owned = new Map<string, OwnedPath>();
  /** Directories that lead to something owned. */
  readonly #leading = new Set<string>();
  readonly #usage = new Map<string, { owners: Set<string>; bytes: number }>();
  readonly #orphans: { Path: string; Bytes: number }[] = [];
  /** Files with several names count once. */
  readonly #seen = new Set<string>();
  #device = 0n;

  constructor(dataRoot: string, owned: readonly OwnedPath[], signal: AbortSignal) {
    this.#root = dataRoot;
    this.#signal = signal;
    const all = [...owned, ...Object.entries(own).map(([name, kind]) => ({ path: join(dataRoot, name), kind, owner: name }))];
    for (const entry of all) this.#owned.set(entry.path, entry);
    for (const path of [...this.#owned.keys(), ...structure.map((name) => join(dataRoot, name, 'x'))]) {
      for (let up = dirname(path); up.length >= dataRoot.length && !this.#leading.has(up); up = dirname(up)) this.#leading.add(up);
    }
  }

  async run(): Promise<Usage> {
    const root = await lstat(this.#root, { bigint: true });
    this.#device = root.dev;
    this.#count('engine', 'directories', root);
    await this.#descend(this.#root);
    const usage = [...this.#usage].map(([Kind, { owners, bytes }]) => ({ Kind, Objects: owners.size, Bytes: bytes })).sort((a, b) => b.Bytes - a.Bytes);
    const orphaned = this.#orphans.reduce((sum, orphan) => sum + orphan.Bytes, 0);
    return { Bytes: usage.reduce((sum, { Bytes }) => sum + Bytes, orphaned), Usage: usage, Orphans: this.#orphans };
  }

  async #descend(directory: string): Promise<void> {
    for (const name of await namesIn(directory)) {
      this.#signal.throwIfAborted();
      const path = join(directory, name);
      const stats = await statOf(path);
      if (stats === undefined) continue;
      const owner = this.#owned.get(path);
      if (owner !== undefined && !this.#leading.has(path)) this.#book(owner, await this.#measure(path, stats));
      else if (stats.isDirectory() && this.#leading.has(path)) {
        this.#count(owner?.kind ?? 'engine', owner?.owner ?? 'directories', stats);
        await this.#descend(path);
      } else this.#orphans.push({ Path: relative(this.#root, path), Bytes: await this.#measure(path, stats) });
    }
  }

  #book({ kind, owner }: Pick<OwnedPath, 'kind' | 'owner'>, bytes: number): void {
    const entry = this.#usage.get(kind) ?? { owners: new Set(), bytes: 0 };
    entry.owners.add(owner);
    entry.bytes += bytes;
    this.#usage.set(kind, entry);
  }

  #count(kind: string, owner: string, stats: BigIntStats): void {
    this.#book({ kind, owner }, this.#sizeOf(stats));
  }

  /** All of a tree, without leaving the file system: what is mounted in it lies elsewhere. */
  async #measure(path: string, stats: BigIntStats): Promise<number> {
    let bytes = 0;
    const queue = [{ path, stats }];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      if (next.stats.dev !== this.#device) continue;
      bytes += this.#sizeOf(next.stats);
      if (!next.stats.isDirectory()) continue;
      this.#signal.throwIfAborted();
      const here = next.path;
      const found = await Promise.all((await namesIn(here)).map(async (name) => ({ path: join(here, name), stats: await statOf(join(here, name)) })));
      for (const entry of found) if (entry.stats !== undefined) queue.push({ path: entry.path, stats: entry.stats });
    }
    return bytes;
  }

  #sizeOf(stats: BigIntStats): number {
    if (stats.dev !== this.#device) return 0;
    if (stats.nlink > 1n && !stats.isDirectory()) {
      const key = String(stats.ino);
      if (this.#seen.has(key)) return 0;
      this.#seen.add(key);
    }
    return Number(stats.blocks) * blockSize;
  }
}

/** What vanishes meanwhile is nobody's. */
async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

async function statOf(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
