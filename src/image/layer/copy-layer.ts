/**
 * Copies the tree of a layer over a tree of the layers below it, as an overlay of both would look.
 * Blocking; nothing else may use the target meanwhile. No link is ever followed.
 */
import { constants, copyFileSync, lstatSync, mkdirSync, readdirSync, readlinkSync, rmSync, type BigIntStats } from 'node:fs';
import { getAttribute, listAttributes, setAttribute } from '#kernel/extended-attributes.ts';
import { changeMode, changeOwner, changeTimes, makeLink, makeNode, makeSymlink, type NodeTime } from '#kernel/file-nodes.ts';
import { parentOf } from './entry-path.ts';

export interface CopiedLayer {
  readonly tree: string;
  /** Paths in the tree, one character per byte. */
  readonly whiteouts: readonly string[];
  readonly opaque: readonly string[];
}

export function copyLayer(layer: CopiedLayer, target: string): void {
  new LayerCopy(layer, target).directory('');
}

class LayerCopy {
  readonly #tree: string;
  readonly #target: string;
  readonly #whiteouts = new Set<string>();
  /** Whiteouts by the directory they are in. */
  readonly #removed = new Map<string, string[]>();
  readonly #opaque: ReadonlySet<string>;
  /** Copies of files with several names, by inode. */
  readonly #linked = new Map<bigint, string>();

  constructor({ tree, whiteouts, opaque }: CopiedLayer, target: string) {
    this.#tree = byteString(tree);
    this.#target = byteString(target);
    this.#opaque = new Set(opaque);
    for (const path of whiteouts) {
      this.#whiteouts.add(path);
      const parent = parentOf(path);
      this.#removed.set(parent, [...(this.#removed.get(parent) ?? []), path]);
    }
  }

  /** Copies what is in a directory that the target has. */
  directory(path: string): void {
    const source = this.#source(path);
    if (this.#opaque.has(path)) {
      for (const name of readdirSync(bytes(this.#copy(path)), { encoding: 'buffer' })) remove(`${this.#copy(path)}/${byteString(name)}`);
    }
    for (const removed of this.#removed.get(path) ?? []) remove(this.#copy(removed));
    for (const entry of readdirSync(bytes(source), { encoding: 'buffer' })) {
      const name = byteString(entry);
      this.#node(path === '' ? name : `${path}/${name}`);
    }
  }

  #node(path: string): void {
    if (this.#whiteouts.has(path)) return;
    const source = this.#source(path);
    const copy = this.#copy(path);
    const status = lstatSync(bytes(source), { bigint: true });
    const present = lstatSync(bytes(copy), { bigint: true, throwIfNoEntry: false });
    if (present !== undefined && !(present.isDirectory() && status.isDirectory())) remove(copy);
    if (status.isDirectory()) {
      if (present?.isDirectory() !== true) mkdirSync(bytes(copy));
      this.directory(path);
      copyAttributes(source, copy, status);
      return;
    }
    const first = status.nlink > 1n ? this.#linked.get(status.ino) : undefined;
    if (first !== undefined) {
      makeLink(first, copy);
      return;
    }
    if (status.nlink > 1n) this.#linked.set(status.ino, copy);
    if (status.isFile()) copyFileSync(bytes(source), bytes(copy), constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    else if (status.isSymbolicLink()) makeSymlink(byteString(readlinkSync(bytes(source), { encoding: 'buffer' })), copy);
    else makeNode(copy, Number(status.mode), deviceOf(status.rdev));
    copyAttributes(source, copy, status);
  }

  #source(path: string): string {
    return path === '' ? this.#tree : `${this.#tree}/${path}`;
  }

  #copy(path: string): string {
    return path === '' ? this.#target : `${this.#target}/${path}`;
  }
}

function copyAttributes(source: string, copy: string, status: BigIntStats): void {
  changeOwner(copy, Number(status.uid), Number(status.gid));
  for (const name of listAttributes(source)) {
    const value = name.startsWith('trusted.overlay.') ? undefined : getAttribute(source, name);
    if (value !== undefined) setAttribute(copy, name, value);
  }
  if (!status.isSymbolicLink()) changeMode(copy, Number(status.mode & 0o7777n));
  changeTimes(copy, timeOf(status.atimeNs), timeOf(status.mtimeNs));
}

function timeOf(nanoseconds: bigint): NodeTime {
  const rest = ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return { seconds: Number((nanoseconds - rest) / 1_000_000_000n), nanoseconds: Number(rest) };
}

/** The parts of the C library's `dev_t`. */
function deviceOf(device: bigint): { major: number; minor: number } {
  return {
    major: Number(((device >> 32n) & 0xfffff000n) | ((device >> 8n) & 0xfffn)),
    minor: Number(((device >> 12n) & 0xffffff00n) | (device & 0xffn)),
  };
}

function remove(path: string): void {
  rmSync(bytes(path), { recursive: true, force: true });
}

function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}

function byteString(path: string | Buffer): string {
  return (typeof path === 'string' ? Buffer.from(path) : path).toString('latin1');
}
