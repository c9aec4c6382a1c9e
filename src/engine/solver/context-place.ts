/** Where directories of one origin are received: the file with their contents, what lies where in it, and the last trees that point into it. */
import type { FileHandle } from 'node:fs/promises';
import type { SourceNode, Spool } from '#build/source-tree.ts';

/** A file that was received: by what it is known again, and where it lies. */
export interface KnownFile {
  readonly stamp: string;
  readonly size: number;
  readonly offset: number;
  readonly digest: string;
}

export interface ContextPlace {
  readonly path: string;
  readonly spool: FileHandle;
  /** The store, as long as it has the place, and trees: the file is closed with the last of them. */
  users: number;
  length: number;
  /** Bytes of `length` that `files` point at. */
  live: number;
  readonly files: Map<string, KnownFile>;
}

/** A file is there in full, under a path that may have been another's before. */
export function noteFile(place: ContextPlace, path: string, file: KnownFile): void {
  place.live += file.size - (place.files.get(path)?.size ?? 0);
  place.files.set(path, file);
}

/** The file of a place for one more user; `close` gives it back. */
export function shareSpool(place: ContextPlace): Spool {
  place.users++;
  let isOpen = true;
  return {
    read: async (buffer, offset, length, position) => await place.spool.read(buffer, offset, length, position),
    close: async () => {
      if (isOpen) await leavePlace(place);
      isOpen = false;
    },
  };
}

export async function leavePlace(place: ContextPlace): Promise<void> {
  if (--place.users === 0) await place.spool.close();
}

/** Entries of one directory. */
export const mostEntries = 5_000_000;
/** Bytes of a listing that are kept until it is known whether it was there before. */
export const mostHeld = 16 * 1024 * 1024;

/** Entries of all kept trees, and how many of these there are. */
const mostKeptEntries = 100_000;
const mostTrees = 64;

interface KeptTree {
  readonly place: string;
  readonly root: SourceNode;
  readonly entries: number;
}

/** The trees that were received last, by their listings: the same listing means the same tree. Nobody changes them. */
export class KeptTrees {
  readonly #trees = new Map<string, KeptTree>();
  #entries = 0;

  find(place: string, listing: string): SourceNode | undefined {
    const key = keyOf(place, listing);
    const tree = this.#trees.get(key);
    if (tree === undefined) return undefined;
    this.#trees.delete(key);
    this.#trees.set(key, tree);
    return tree.root;
  }

  /** Whether any tree of a place is kept. */
  knows(place: string): boolean {
    return this.#trees.values().some((tree) => tree.place === place);
  }

  keep(place: string, listing: string, { root, entries }: { root: SourceNode; entries: number }): void {
    if (entries > mostKeptEntries) return;
    this.#delete(keyOf(place, listing));
    this.#trees.set(keyOf(place, listing), { place, root, entries });
    this.#entries += entries;
    for (const [key] of this.#trees) {
      if (this.#entries <= mostKeptEntries && this.#trees.size <= mostTrees) break;
      this.#delete(key);
    }
  }

  /** Forgets the trees of a place, whose file goes. */
  drop(place: string): void {
    for (const [key, tree] of this.#trees) if (tree.place === place) this.#delete(key);
  }

  #delete(key: string): void {
    this.#entries -= this.#trees.get(key)?.entries ?? 0;
    this.#trees.delete(key);
  }
}

function keyOf(place: string, listing: string): string {
  return `${place} ${listing}`;
}
