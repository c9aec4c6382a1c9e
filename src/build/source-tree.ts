/**
 * The files an instruction may copy: an archive's entries as a tree, their contents in one spool file. Nothing
 * is unpacked, so no name and no link in it can lead anywhere else.
 */
import { createHash, hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { posix } from 'node:path';
import { fail } from '#base/errors/failure.ts';
import { readTar } from '#oci/tar/read-tar.ts';
import type { TarEntry } from '#oci/tar/tar-entry.ts';
import type { TarTimestamp } from '#oci/tar/timestamp.ts';
import { SpoolWriter } from './spool-writer.ts';

export type SourceKind = 'file' | 'directory' | 'symlink' | 'character' | 'block' | 'fifo';

export interface SourceNode {
  readonly kind: SourceKind;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly userName: string;
  readonly groupName: string;
  readonly modified: TarTimestamp;
  readonly size: number;
  /** Place of the contents in the spool. */
  readonly offset: number;
  /** Hexadecimal sha256 of the contents. */
  readonly digest: string;
  readonly linkName: string;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly extendedAttributes: ReadonlyMap<string, Buffer>;
  /** Of a directory. */
  readonly children: Map<string, SourceNode>;
}

/** Where contents of files lie. */
export interface Spool {
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
  close(): Promise<void>;
}

/** Is told of what an archive becomes before it is kept, and throws where that is too much. */
export interface TreeWatch {
  /** One more file, directory or link. */
  member(): void;
  /** More bytes of contents. */
  contents(bytes: number): Promise<void>;
}

const linkLimit = 255;
const chunkSize = 256 * 1024;
/** Bytes of a file that is read together with those behind it. */
const smallFile = 32 * 1024;

export class SourceTree implements AsyncDisposable {
  readonly root: SourceNode;
  readonly #spool: Spool;
  /** A part of the spool that was read for one small file, for those that lie behind it. */
  #ahead: { readonly start: number; readonly bytes: Buffer } | undefined;

  private constructor(root: SourceNode, spool: Spool) {
    this.root = root;
    this.#spool = spool;
  }

  /** @param spoolPath a file of this tree's own; whoever owns its directory removes it. @throws layer.invalid_archive */
  static async read(archive: AsyncIterable<Uint8Array>, spoolPath: string, watch?: TreeWatch): Promise<SourceTree> {
    const spool = await open(spoolPath, 'wx+', 0o600);
    try {
      const root = directoryNode();
      const writer = new SpoolWriter(spool);
      let position = 0;
      for await (const { entry, body } of readTar(archive)) {
        const parts = partsOf(entry.name);
        const name = parts.pop();
        if (name === undefined) continue;
        const parent = makeDirectories(root, parts, watch);
        watch?.member();
        if (entry.type === 'hardlink') {
          const target = plainLookup(root, partsOf(entry.linkName));
          if (target === undefined) throw fail('layer.invalid_archive', { message: `invalid hardlink ${entry.name} -> ${entry.linkName}` });
          parent.children.set(name, target);
          continue;
        }
        if (entry.type === 'unknown') continue;
        const offset = position;
        const contents = createHash('sha256');
        if (entry.type === 'file') {
          for await (const chunk of body as AsyncIterable<Buffer>) {
            await watch?.contents(chunk.length);
            contents.update(chunk);
            await writer.add(chunk, position);
            position += chunk.length;
          }
        }
        const before = parent.children.get(name);
        const children = entry.type === 'directory' && before?.kind === 'directory' ? before.children : new Map<string, SourceNode>();
        parent.children.set(name, nodeOf(entry, entry.type, { offset, digest: contents.digest('hex'), children }));
      }
      await writer.flush();
      return new SourceTree(root, spool);
    } catch (error) {
      await spool.close();
      throw error;
    }
  }

  /** A tree whose files' contents lie in `spool`, which it closes. */
  static over(root: SourceNode, spool: Spool): SourceTree {
    return new SourceTree(root, spool);
  }

  /** What is at the path, links followed within the tree; undefined when there is nothing. */
  find(path: string): SourceNode | undefined {
    let pending = path.split('/');
    let way: SourceNode[] = [this.root];
    let links = 0;
    for (let part = pending.shift(); part !== undefined; part = pending.shift()) {
      if (part === '' || part === '.') continue;
      if (part === '..') {
        if (way.length > 1) way.pop();
        continue;
      }
      const node = way.at(-1)?.children.get(part);
      if (node === undefined) return undefined;
      if (node.kind !== 'symlink') {
        way.push(node);
        continue;
      }
      if (++links > linkLimit) return undefined;
      if (node.linkName.startsWith('/')) way = [this.root];
      pending = [...node.linkName.split('/'), ...pending];
    }
    return way.at(-1);
  }

  /** Takes a file out, as if it had not been sent. */
  remove(path: string): void {
    const parts = partsOf(path);
    const name = parts.pop();
    const parent = plainLookup(this.root, parts);
    if (name !== undefined) parent?.children.delete(name);
  }

  /** A file's contents. */
  async *contents(node: SourceNode): AsyncGenerator<Buffer, void> {
    if (node.size <= smallFile) {
      if (node.size > 0) yield await this.#small(node);
      return;
    }
    let position = 0;
    while (position < node.size) {
      const buffer = Buffer.allocUnsafe(Math.min(chunkSize, node.size - position));
      const { bytesRead } = await this.#spool.read(buffer, 0, buffer.length, node.offset + position);
      if (bytesRead === 0) throw new Error(`the spool of a build's files ended ${node.size - position} bytes too early`);
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  async #small({ offset, size }: SourceNode): Promise<Buffer> {
    let ahead = this.#ahead;
    if (ahead === undefined || offset < ahead.start || offset + size > ahead.start + ahead.bytes.length) {
      const buffer = Buffer.allocUnsafeSlow(chunkSize);
      const { bytesRead } = await this.#spool.read(buffer, 0, buffer.length, offset);
      if (bytesRead < size) throw new Error(`the spool of a build's files ended ${size - bytesRead} bytes too early`);
      ahead = { start: offset, bytes: buffer.subarray(0, bytesRead) };
      this.#ahead = ahead;
    }
    return ahead.bytes.subarray(offset - ahead.start, offset - ahead.start + size);
  }

  /** A small file's text; undefined when there is no such file. */
  async text(path: string, limit: number): Promise<string | undefined> {
    const node = this.find(path);
    if (node?.kind !== 'file' || node.size > limit) return undefined;
    const chunks: Buffer[] = [];
    for await (const chunk of this.contents(node)) chunks.push(chunk);
    return Buffer.concat(chunks).toString('utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#spool.close();
  }
}

/** Everything in a directory and below, with paths relative to it; a directory before what is in it, otherwise by name. */
export function* walkSource(node: SourceNode, prefix = ''): Generator<{ path: string; node: SourceNode }> {
  for (const [name, child] of [...node.children].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const path = prefix === '' ? name : `${prefix}/${name}`;
    yield { path, node: child };
    if (child.kind === 'directory') yield* walkSource(child, path);
  }
}

/** What makes a copied file what it is: all that its archive says of it but the time, as Docker has it. */
export function sourceHash(path: string, node: SourceNode): string {
  return hash('sha256', sourceText(path, node), 'hex');
}

/** What {@link sourceHash} is the digest of. */
export function sourceText(path: string, node: SourceNode): string {
  const { kind, mode, uid, gid, userName, groupName, size, digest, linkName, deviceMajor, deviceMinor, extendedAttributes } = node;
  const attributes = extendedAttributes.size === 0 ? [] : [...extendedAttributes].map(([name, value]) => [name, value.toString('base64')]);
  return JSON.stringify([path, kind, mode, uid, gid, userName, groupName, size, digest, linkName, deviceMajor, deviceMinor, attributes]);
}

function partsOf(name: string): string[] {
  const path = posix.normalize(`./${name}`);
  if (path === '..' || path.startsWith('../')) throw fail('layer.invalid_archive', { message: `invalid name ${JSON.stringify(name)}: outside of the archive's root` });
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

/** The directory at a path, made with its parents where it is missing. */
export function makeDirectories(root: SourceNode, parts: readonly string[], watch?: TreeWatch): SourceNode {
  let directory = root;
  for (const part of parts) {
    let next = directory.children.get(part);
    if (next?.kind !== 'directory') {
      watch?.member();
      next = directoryNode();
      directory.children.set(part, next);
    }
    directory = next;
  }
  return directory;
}

function plainLookup(root: SourceNode, parts: readonly string[]): SourceNode | undefined {
  let node: SourceNode | undefined = root;
  for (const part of parts) node = node?.children.get(part);
  return node;
}

function nodeOf(entry: TarEntry, kind: SourceKind, contents: Pick<SourceNode, 'offset' | 'digest' | 'children'>): SourceNode {
  const { mode, uid, gid, userName, groupName, modified, size, linkName, deviceMajor, deviceMinor, extendedAttributes } = entry;
  return { kind, mode, uid, gid, userName, groupName, modified, size: kind === 'file' ? size : 0, linkName, deviceMajor, deviceMinor, extendedAttributes, ...contents };
}

/** What no file has. */
const noChildren = new Map<string, SourceNode>();
const noAttributes: ReadonlyMap<string, Buffer> = new Map();

/** What is no directory, root's and without attributes. */
export function leafNode({ kind, mode, modified, size, offset, digest, linkName }: Pick<SourceNode, 'kind' | 'mode' | 'modified' | 'size' | 'offset' | 'digest' | 'linkName'>): SourceNode {
  return { kind, mode, uid: 0, gid: 0, userName: '', groupName: '', modified, size, offset, digest, linkName, deviceMajor: 0, deviceMinor: 0, extendedAttributes: noAttributes, children: noChildren };
}

/** An empty directory. */
export function directoryNode(): SourceNode {
  const modified = { seconds: Math.floor(Date.now() / 1000), nanoseconds: 0 };
  return {
    kind: 'directory', mode: 0o755, uid: 0, gid: 0, userName: '', groupName: '', modified, size: 0, offset: 0, digest: '', linkName: '', deviceMajor: 0, deviceMinor: 0,
    extendedAttributes: new Map(), children: new Map(),
  };
}
