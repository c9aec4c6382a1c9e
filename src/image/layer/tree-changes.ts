/**
 * What a container changed against its image, with the rules of `docker diff`. Blocking. The container's tree
 * may change meanwhile: it is read locked into it, so that no link leads elsewhere, and what vanishes is left out.
 */
import { lstatSync, readdirSync, type BigIntStats } from 'node:fs';
import { enterRoot } from '#kernel/chroot.ts';
import { getAttribute } from '#kernel/extended-attributes.ts';
import { failedWith } from '#kernel/failed-with.ts';
import type { CopiedLayer } from './copy-layer.ts';

export type TreeChangeKind = 'modified' | 'added' | 'deleted';

export interface TreeChange {
  readonly kind: TreeChangeKind;
  /** Absolute in the tree, one character per byte. */
  readonly path: string;
}

/** A layer of what the container began with. */
export interface LayerBelow extends CopiedLayer {
  /** Its files' times say nothing. */
  readonly timeless?: boolean;
}

export interface ComparedTree {
  /** Directory with the container's files, or with what it has over its image where `whole` is false (an overlay's upper directory). */
  readonly tree: string;
  /** Whether what is not in the tree is deleted. */
  readonly whole: boolean;
  /** Whether files mark directories that hide those below, as fuse-overlayfs has them. */
  readonly opaqueMarks: boolean;
  /** What the container began with, topmost first. */
  readonly below: readonly LayerBelow[];
  /** Tells as modified, too, what is unchanged but is the same file as something changed, so that an archive keeps their link. */
  readonly withLinks: boolean;
}

/** Every change, a directory before what is in it, otherwise by name. */
export function treeChanges({ tree, whole, opaqueMarks, below, withLinks }: ComparedTree): TreeChange[] {
  const root = readTree(tree, { whole, opaqueMarks });
  const layers = below.map((layer): Layer => ({ tree: byteString(layer.tree), whiteouts: new Set(layer.whiteouts), opaque: new Set(layer.opaque), timeless: layer.timeless ?? false }));
  const former: Former = { status: root.status, timeless: false, places: layers.map((layer) => ({ layer, path: '' })) };
  const noted: Noted = { changes: [], linked: new Map() };
  compare(root, former, false, noted);
  // Only a whole comparison finds every changed name, and the directories of those to be added.
  if (!withLinks || [...noted.linked.values()].every((names) => names === 0n)) return noted.changes;
  const again: Noted = { changes: [], linked: new Map(), alsoChanged: new Set(noted.linked.keys()) };
  compare(root, former, false, again);
  return again.changes;
}

interface Noted {
  readonly changes: TreeChange[];
  /** Of each changed file with several names, by inode, how many are not yet among the changes. */
  readonly linked: Map<bigint, bigint>;
  /** Inodes that count as changed. */
  readonly alsoChanged?: ReadonlySet<bigint>;
}

interface Node {
  /** Without a leading slash; empty: the root. */
  readonly path: string;
  readonly status: BigIntStats;
  readonly capability: Buffer | undefined;
  readonly children: ReadonlyMap<string, Node>;
  /** Hides what is below. */
  readonly opaque: boolean;
  /** Stands for what is removed. */
  readonly whiteout: boolean;
}

type Reading = Pick<ComparedTree, 'whole' | 'opaqueMarks'>;

function readTree(tree: string, reading: Reading): Node {
  using _root = enterRoot(tree);
  const status = lstatSync('/', { bigint: true });
  return { path: '', status, capability: undefined, children: readChildren('', reading), opaque: reading.whole, whiteout: false };
}

function readChildren(path: string, reading: Reading): Map<string, Node> {
  const children = new Map<string, Node>();
  for (const name of namesIn(`/${path}`)) {
    if (reading.opaqueMarks && opaqueMarkNames.has(name)) continue;
    const child = path === '' ? name : `${path}/${name}`;
    const node = present(() => readNode(child, reading));
    if (node !== undefined) children.set(name, node);
  }
  return children;
}

function readNode(path: string, reading: Reading): Node {
  const status = lstatSync(bytes(`/${path}`), { bigint: true });
  const isDirectory = status.isDirectory();
  return {
    path,
    status,
    capability: status.isFile() ? getAttribute(`/${path}`, capabilityAttribute) : undefined,
    children: isDirectory ? readChildren(path, reading) : new Map<string, Node>(),
    opaque: reading.whole || (isDirectory && (isOpaque(`/${path}`) || (reading.opaqueMarks && isMarkedOpaque(`/${path}`)))),
    whiteout: !reading.whole && isWhiteout(status),
  };
}

interface Layer {
  readonly tree: string;
  readonly timeless: boolean;
  readonly whiteouts: ReadonlySet<string>;
  readonly opaque: ReadonlySet<string>;
}

/** A directory of a layer. */
interface Place {
  readonly layer: Layer;
  readonly path: string;
}

/** What was there before: of a directory all the places its content comes from, topmost first. */
interface Former {
  readonly status: BigIntStats;
  readonly timeless: boolean;
  readonly places: readonly Place[];
}

function compare(node: Node, former: Former | undefined, added: boolean, noted: Noted): void {
  const { changes } = noted;
  const start = changes.length;
  const places = node.status.isDirectory() ? (former?.places ?? []) : [];
  for (const [name, child] of [...node.children].sort(byName)) {
    const before = find(places, name);
    if (child.whiteout) {
      if (before !== undefined) changes.push({ kind: 'deleted', path: `/${child.path}` });
      continue;
    }
    const kind = before === undefined ? 'added' : isDifferent(child, before, name, places) || noted.alsoChanged?.has(child.status.ino) === true ? 'modified' : undefined;
    if (kind !== undefined) {
      changes.push({ kind, path: `/${child.path}` });
      noteLink(child.status, noted.linked);
    }
    compare(child, before, kind !== undefined, noted);
  }
  if (node.opaque) {
    for (const name of namesAt(places)) {
      if (!node.children.has(name)) changes.push({ kind: 'deleted', path: `/${node.path === '' ? name : `${node.path}/${name}`}` });
    }
  }
  // A directory with changes in it counts as changed.
  if (changes.length > start && !added && node.path !== '') changes.splice(start, 0, { kind: 'modified', path: `/${node.path}` });
}

function noteLink(status: BigIntStats, linked: Map<bigint, bigint>): void {
  if (status.nlink > 1n && !status.isDirectory()) linked.set(status.ino, (linked.get(status.ino) ?? status.nlink) - 1n);
}

function byName([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  return left < right ? -1 : 1;
}

function find(places: readonly Place[], name: string): Former | undefined {
  let status: BigIntStats | undefined;
  let timeless = false;
  const found: Place[] = [];
  for (const { layer, path } of places) {
    const child = path === '' ? name : `${path}/${name}`;
    const here = lstatSync(bytes(`${layer.tree}/${child}`), { bigint: true, throwIfNoEntry: false });
    if (here !== undefined) {
      if (isWhiteout(here)) break;
      if (status !== undefined && !here.isDirectory()) break;
      if (status === undefined) ({ status, timeless } = { status: here, timeless: layer.timeless });
      if (!here.isDirectory()) break;
      found.push({ layer, path: child });
      if (layer.opaque.has(child) || isOpaque(`${layer.tree}/${child}`)) break;
    }
    if (layer.whiteouts.has(child)) break;
  }
  return status === undefined ? undefined : { status, timeless, places: found };
}

/** Names that were in a directory, sorted. */
function namesAt(places: readonly Place[]): string[] {
  const names = new Set(places.flatMap(({ layer, path }) => namesIn(`${layer.tree}/${path}`)));
  return [...names].filter((name) => find(places, name) !== undefined).sort();
}

/** Directories by mode and owner alone; times to the second where one side has no finer ones. */
function isDifferent(node: Node, { status: before, timeless }: Former, name: string, places: readonly Place[]): boolean {
  const { status: now } = node;
  if (now.mode !== before.mode || now.uid !== before.uid || now.gid !== before.gid || now.rdev !== before.rdev) return true;
  if (now.isDirectory()) return false;
  if (now.size !== before.size || !(timeless || isSameTime(now.mtimeNs, before.mtimeNs))) return true;
  return now.isFile() && !sameBytes(node.capability, capabilityBefore(places, name));
}

function capabilityBefore(places: readonly Place[], name: string): Buffer | undefined {
  for (const { layer, path } of places) {
    const file = `${layer.tree}/${path === '' ? name : `${path}/${name}`}`;
    if (lstatSync(bytes(file), { throwIfNoEntry: false }) !== undefined) return getAttribute(file, capabilityAttribute);
  }
  return undefined;
}

function isSameTime(left: bigint, right: bigint): boolean {
  const second = 1_000_000_000n;
  return left === right || (left / second === right / second && (left % second === 0n || right % second === 0n));
}

function sameBytes(left: Buffer | undefined, right: Buffer | undefined): boolean {
  return (left ?? Buffer.alloc(0)).equals(right ?? Buffer.alloc(0));
}

const capabilityAttribute = 'security.capability';

function isWhiteout(status: BigIntStats): boolean {
  return status.isCharacterDevice() && status.rdev === 0n;
}

function isOpaque(path: string): boolean {
  return getAttribute(path, 'trusted.overlay.opaque')?.toString() === 'y';
}

/** What fuse-overlayfs puts into a directory that hides those below. */
const opaqueMarkNames: ReadonlySet<string> = new Set(['.wh..wh..opq', '.wh..opq']);

function isMarkedOpaque(path: string): boolean {
  return lstatSync(bytes(`${path}/.wh..wh..opq`), { throwIfNoEntry: false }) !== undefined;
}

function namesIn(path: string): string[] {
  return present(() => readdirSync(bytes(path), { encoding: 'buffer' }))?.map((name) => name.toString('latin1')) ?? [];
}

/** Undefined when it is gone or has become something else meanwhile. */
function present<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG')) return undefined;
    throw error;
  }
}

function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}

function byteString(path: string): string {
  return Buffer.from(path).toString('latin1');
}
