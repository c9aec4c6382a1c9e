/** The layer that COPY and ADD make: members of an archive, placed where the sources go. */
import { Readable } from 'node:stream';
import { posix } from 'node:path';
import { isFailure } from '#base/errors/failure.ts';
import { walkSource, type SourceNode, type SourceTree, type TreeWatch } from '#build/source-tree.ts';
import { decompress } from '#image/layer/decompress.ts';
import type { TarHeader } from '#oci/tar/header-encoder.ts';
import { readTar } from '#oci/tar/read-tar.ts';
import type { TarMember } from '#oci/tar/write-tar.ts';
import type { Destination, Owner } from './destination.ts';
import { LimitedArchive } from './limited-archive.ts';

/** A file or directory to copy. */
export interface CopySource {
  readonly tree: SourceTree;
  /** As asked for: its last part names a copied file. */
  readonly path: string;
  readonly node: SourceNode;
  readonly hash: string;
  /** ADD unpacks local archives. */
  readonly unpack: boolean;
}

export interface CopyOptions {
  /** Absolute; a closing slash says it is a directory. */
  readonly target: string;
  /** Undefined: as the sources have it. */
  readonly owner: Owner | undefined;
  /** On the file system that is written to. */
  readonly directory: string;
  readonly signal: AbortSignal;
  /** Of directories that are made on the way and the owner is asked for; undefined: as the classic builder makes them. */
  readonly parents?: NewDirectories;
  /** Of what comes out of archives; undefined: as they say. */
  readonly unpackedOwner?: Owner | undefined;
}

export interface NewDirectories {
  readonly owner: Owner;
  /** Undefined: 0755. */
  readonly mode: number | undefined;
}

const rootOwner: Owner = { uid: 0, gid: 0 };

export async function* copyMembers(destination: Destination, sources: readonly CopySource[], options: CopyOptions): AsyncGenerator<TarMember, void> {
  const { target, owner, directory, signal, parents, unpackedOwner } = options;
  const chowned = parents === undefined;
  for (const source of sources) {
    signal.throwIfAborted();
    const { tree, node } = source;
    const resolved = destination.resolve(target);
    if (node.kind === 'directory') {
      // A directory with nothing in it is made as those on the way are.
      const taken = parents === undefined ? {} : { modified: node.modified, lastMode: node.children.size === 0 ? (parents.mode ?? 0o755) & 0o755 : undefined };
      yield* destination.directory(resolved, { parents: parents?.owner ?? rootOwner, last: owner ?? rootOwner, mode: parents?.mode, ...taken });
      const linked = new Map<SourceNode, string>();
      for (const { path, node: child } of walkSource(node)) yield* placeNode(destination, join(resolved, path), { tree, node: child, owner, linked, chowned });
    } else if (source.unpack && (await isArchive(source, signal))) {
      yield* destination.directory(resolved, { parents: unpackedOwner ?? rootOwner, last: unpackedOwner ?? rootOwner });
      yield* unpacked(destination, resolved, source, { directory, signal, owner: unpackedOwner });
    } else {
      const path = target.endsWith('/') || destination.isDirectory(resolved) ? join(resolved, posix.basename(source.path)) : resolved;
      const parent = posix.dirname(path);
      if (parent !== '.') yield* destination.directory(parent, { parents: owner ?? rootOwner, last: owner ?? rootOwner, mode: parents?.mode });
      yield* placeNode(destination, path, { tree, node, owner, linked: new Map(), chowned });
    }
  }
}

interface PlacedNode {
  readonly tree: SourceTree;
  readonly node: SourceNode;
  readonly owner: Owner | undefined;
  /** Where files with several names went first. */
  readonly linked: Map<SourceNode, string>;
  /** The owner is set when the file is there, as by the classic builder, which takes its special bits. */
  readonly chowned: boolean;
}

function* placeNode(destination: Destination, path: string, { tree, node, owner, linked, chowned }: PlacedNode): Generator<TarMember> {
  const { uid, gid } = owner ?? node;
  const mode = chowned && node.kind === 'file' ? modeAfterChown(node.mode) : node.mode;
  const first = node.kind === 'directory' ? undefined : linked.get(node);
  if (first !== undefined) {
    yield* destination.place(path, { type: 'hardlink', linkName: first, mode, uid, gid, modified: node.modified });
    return;
  }
  const header: Omit<TarHeader, 'name'> = {
    type: node.kind,
    mode,
    uid,
    gid,
    modified: node.modified,
    linkName: node.kind === 'symlink' ? node.linkName : '',
    deviceMajor: node.deviceMajor,
    deviceMinor: node.deviceMinor,
    extendedAttributes: node.extendedAttributes,
    ...(node.kind === 'file' ? { size: node.size } : {}),
  };
  linked.set(node, path);
  yield* destination.place(path, header, node.kind === 'file' && node.size > 0 ? tree.contents(node) : undefined);
}

/** As chown(2) leaves it: a set-group-id bit without the group's right to execute means something else and stays. */
function modeAfterChown(mode: number): number {
  return mode & ~(0o4000 | ((mode & 0o010) === 0 ? 0 : 0o2000));
}

async function isArchive({ tree, node }: CopySource, signal: AbortSignal): Promise<boolean> {
  if (node.kind !== 'file' || node.size === 0) return false;
  try {
    const { chunks } = await decompress(Readable.from(tree.contents(node)), { signal });
    for await (const _first of readTar(chunks)) return true;
    return false;
  } catch (error) {
    if (isFailure(error, 'layer.invalid_archive')) return false;
    throw error;
  }
}

/** What is in a local archive, with the owners it names unless another is given. The target is the root of all names and links in it. */
async function* unpacked(
  destination: Destination,
  target: string,
  { tree, path: source, node }: CopySource,
  { directory, signal, owner }: { directory: string; signal: AbortSignal; owner: Owner | undefined },
): AsyncGenerator<TarMember, void> {
  const archive = new LimitedArchive(Readable.from(tree.contents(node)), { name: source, remedy: 'COPY the archive and unpack it by a RUN', directory, signal });
  const counted = function* (members: Iterable<TarMember>): Generator<TarMember> {
    for (const member of members) {
      archive.member();
      yield member;
    }
  };
  try {
    for await (const { entry, body } of readTar(archive)) {
      const name = nameWithin(entry.name);
      if (name === undefined) throw destination.failure(`invalid entry name ${JSON.stringify(entry.name)}`);
      if (name === '' || entry.type === 'unknown') continue;
      const { uid, gid } = owner ?? entry;
      const { type, mode, modified, size, deviceMajor, deviceMinor, extendedAttributes } = entry;
      const linkName = type === 'hardlink' ? hardLink(destination, target, { name, linkName: entry.linkName }) : entry.linkName;
      const header = { type, mode, uid, gid, modified, linkName, deviceMajor, deviceMinor, extendedAttributes };
      const path = destination.resolveBelow(target, name);
      if (type === 'file' && size > 0) yield* counted(destination.place(path, { ...header, size }, watched(body, archive), 'replace'));
      else yield* counted(destination.place(path, header, undefined, 'replace'));
    }
  } catch (error) {
    if (isFailure(error, 'layer.invalid_archive')) throw destination.failure(error.message);
    throw error;
  }
}

async function* watched(body: Readable, watch: TreeWatch): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of body as AsyncIterable<Buffer>) {
    await watch.contents(chunk.length);
    yield chunk;
  }
}

/** Without slashes at its ends; undefined: it leads out. */
function nameWithin(name: string): string | undefined {
  const path = posix.normalize(name.replace(/^\/+/, ''));
  return /^\.\.(?:\/|$)/.test(path) ? undefined : path.replace(/\/$/, '').replace(/^\.$/, '');
}

function hardLink(destination: Destination, target: string, { name, linkName }: { name: string; linkName: string }): string {
  const first = nameWithin(linkName);
  if (first === undefined) throw destination.failure(`invalid hardlink target ${JSON.stringify(linkName)}`);
  const path = destination.resolveBelow(target, first);
  if (!destination.has(path)) throw destination.failure(`linkat ${first} ${name}: no such file or directory`);
  return path;
}

function join(directory: string, name: string): string {
  return directory === '' ? name : `${directory}/${name}`;
}
