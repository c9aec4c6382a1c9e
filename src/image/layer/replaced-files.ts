/**
 * Files of a layer that a later entry of the same archive replaced. They are gone from the layer's tree
 * but not from its tar, so they are kept beside the tree, in `replaced/`.
 */
import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { invariant } from '#base/errors/failure.ts';
import { failedWith } from '#kernel/failed-with.ts';
import { makeDirectory, moveNode, nodeKinds, removeNode, statNode } from '#kernel/file-nodes.ts';

export const replacedName = 'replaced';

export class ReplacedFiles {
  readonly #layerDirectory: number;
  readonly #paths: string[] = [];
  readonly #inodes: number[] = [];
  #count = 0;
  #touched = false;

  /** @param layerDirectory descriptor of the directory that holds the tree */
  constructor(layerDirectory: number) {
    this.#layerDirectory = layerDirectory;
  }

  /** Notes a file whose contents the recipe refers to, in the order of the recipe. */
  note(path: string, inode: number): void {
    this.#paths.push(path);
    this.#inodes.push(inode);
  }

  /** Takes what is at this path out of the tree. */
  take(path: string): void {
    this.#touched = true;
    const kind = statNode(path)?.kind;
    if (kind !== nodeKinds.regular && kind !== nodeKinds.directory) {
      removeNode(path);
      return;
    }
    if (this.#count === 0) makeDirectory(replacedName, 0o700, this.#layerDirectory);
    moveNode(path, this.#layerDirectory, `${replacedName}/${this.#count}`);
    this.#count++;
  }

  /** Whether the tree is not simply the sum of the entries. */
  get any(): boolean {
    return this.#touched;
  }

  /** Numbers of those noted files that are no longer at their path. To be asked inside the tree. */
  missing(): number[] {
    if (!this.#touched) return [];
    return this.#paths.keys().filter((index) => inodeAt(this.#paths[index] ?? '') !== this.#inodes[index]).toArray();
  }

  /** Where the missing ones are now, below `directory`. To be asked outside of the tree. */
  locate(missing: readonly number[], directory: string): Record<number, string> {
    const found: Record<number, string> = {};
    if (missing.length === 0) return found;
    const byInode = new Map<number, string>();
    if (existsSync(`${directory}/${replacedName}`)) collect(directory, Buffer.from(replacedName), byInode);
    for (const index of missing) {
      const path = byInode.get(this.#inodes[index] ?? 0);
      invariant(path !== undefined, `contents of ${this.#paths[index]} are lost`);
      found[index] = path;
    }
    return found;
  }
}

function inodeAt(path: string): number | undefined {
  try {
    return statNode(path)?.inode;
  } catch (error) {
    if (failedWith(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}

function collect(directory: string, path: Buffer, byInode: Map<number, string>): void {
  const base = Buffer.from(`${directory}/`);
  for (const name of readdirSync(Buffer.concat([base, path]), { encoding: 'buffer' })) {
    const inner = Buffer.concat([path, Buffer.from('/'), name]);
    const status = lstatSync(Buffer.concat([base, inner]));
    if (status.isDirectory()) collect(directory, inner, byInode);
    else if (status.isFile()) byInode.set(status.ino, inner.toString('latin1'));
  }
}
