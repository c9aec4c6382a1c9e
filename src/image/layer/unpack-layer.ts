/**
 * Unpacks a layer's archive into the root directory of the calling thread, which must be the layer's
 * own directory (`enterRoot`), and writes the recipe to make the archive again. Blocking. The rules, the
 * order of changes and the words of failures are those of Docker's unpacking.
 */
import { closeSync, constants, ftruncateSync } from 'node:fs';
import { fail } from '#base/errors/failure.ts';
import { directSize } from '#kernel/direct-memory.ts';
import { DirectWriter } from '#kernel/direct-writer.ts';
import { failedWith } from '#kernel/failed-with.ts';
import { setAttribute } from '#kernel/extended-attributes.ts';
import {
  changeOwner,
  changeTimes,
  makeDirectory,
  makeLink,
  makeNode,
  makeSymlink,
  nodeKinds,
  openNode,
  statDescriptor,
  statNode,
  type NodeStatus,
  type NodeTime,
} from '#kernel/file-nodes.ts';
import { decodeHeader, paddingOf, type DecodedHeader } from '#oci/tar/header-decoder.ts';
import type { ArchiveSource } from './archive-source.ts';
import { accessTime, accountOf, applyAttributes, modifyTime, tolerate, writeAll } from './entry-attributes.ts';
import { baseOf, cleanPath, DirectoryPaths, invalidArchive, parentOf, quoted } from './entry-path.ts';
import type { ReplacedFiles } from './replaced-files.ts';
import type { RecipeWriter } from './tar-recipe.ts';

export interface UnpackTarget {
  readonly source: ArchiveSource;
  readonly recipe: RecipeWriter;
  readonly replaced: ReplacedFiles;
  /** Limit of the sum of the files' lengths, which sparse files can have without a long archive. */
  readonly maximumSize: number;
  /** The paths that whiteouts remove; every other file with such a name is a file. Undefined: names alone tell. */
  readonly removed?: readonly string[] | undefined;
}

/** What the archive removes of the layers below, by paths in the layer. */
export interface Removals {
  readonly whiteouts: string[];
  readonly opaque: string[];
}

const whiteoutPrefix = '.wh.';
const opaqueName = '.wh..wh..opq';
const opaqueAttribute = 'trusted.overlay.opaque';
const yes = Buffer.from('y');
const nothing = Buffer.alloc(0);
/** elf(5). */
const programMagic = Buffer.from('\x7fELF', 'latin1');

/** Unpacks all. @throws layer.invalid_archive, layer.too_large, layer.disk_full, kernel.syscall_failed */
export function unpackLayer(target: UnpackTarget): { readonly removals: Removals; readonly size: number } {
  using unpacking = new Unpacking(target);
  while (unpacking.next());
  unpacking.finish();
  return { removals: unpacking.removals, size: unpacking.size };
}

class Unpacking implements Disposable {
  readonly removals: Removals = { whiteouts: [], opaque: [] };
  /** Bytes of files as Docker counts them, unless something was replaced. */
  size = 0;
  readonly #target: UnpackTarget;
  readonly #removed: ReadonlySet<string> | undefined;
  readonly #paths = new DirectoryPaths();
  readonly #directories: { path: string; accessed: NodeTime; modified: NodeTime }[] = [];
  #contentLength = 0;
  #long: DirectWriter | undefined;

  constructor(target: UnpackTarget) {
    this.#target = target;
    this.#removed = target.removed && new Set(target.removed);
  }

  [Symbol.dispose](): void {
    this.#long?.[Symbol.dispose]();
  }

  /** Unpacks an entry; false at the end of the archive. */
  next(): boolean {
    const { source, recipe } = this.#target;
    const demand = decodeHeader();
    let step = demand.next(nothing);
    while (step.done !== true) {
      const bytes = source.read(step.value);
      recipe.verbatim(bytes);
      step = demand.next(bytes);
    }
    const header = step.value;
    if (header === undefined) return false;
    if (!this.#place(header)) source.each(header.storedSize, (chunk) => recipe.verbatim(chunk));
    recipe.verbatim(source.read(paddingOf(header.storedSize)));
    return true;
  }

  /** Takes what follows the archive's end, and gives directories their times, which unpacking into them has changed. */
  finish(): void {
    const { source, recipe } = this.#target;
    for (let chunk = source.some(65536); chunk !== undefined; chunk = source.some(65536)) {
      recipe.verbatim(chunk);
      source.take(chunk.length);
    }
    recipe.close();
    for (const { path, accessed, modified } of this.#directories) {
      try {
        changeTimes(path, accessed, modified);
      } catch (error) {
        // A later entry replaced it.
        if (!failedWith(error, 'ENOENT', 'ENOTDIR')) throw error;
      }
    }
  }

  /** Makes the entry's node. True when it took the entry's contents. */
  #place(header: DecodedHeader): boolean {
    const name = cleanPath(header.name);
    if (name === '') return false;
    if (name === undefined) throw invalidArchive(`invalid entry name ${quoted(header.name)}`);
    this.#contentLength += header.size;
    if (this.#contentLength > this.#target.maximumSize) throw fail('layer.too_large', { maximum: this.#target.maximumSize });
    const directory = this.#paths.make(parentOf(name));
    const base = baseOf(name);
    const path = directory === '' ? base : `${directory}/${base}`;
    if (this.#isWhiteout(header, name)) {
      this.#placeWhiteout(header, { directory, base });
      return false;
    }
    switch (header.type) {
      case '0':
        this.#placeFile(header, path);
        return true;
      case '1':
        this.#placeLink(header, path);
        return false;
      case '2':
        this.#making(path, () => makeSymlink(header.linkName, path));
        this.size += header.linkName.length;
        break;
      case '3':
        this.#placeDevice(header, path, nodeKinds.character);
        break;
      case '4':
        this.#placeDevice(header, path, nodeKinds.block);
        break;
      case '5':
        this.#placeDirectory(header, { name, path });
        return false;
      case '6':
        this.#making(path, () => makeNode(path, nodeKinds.fifo | (header.mode & 0o7777)));
        break;
      default:
        throw invalidArchive(`unhandled tar header type ${header.type.charCodeAt(0)}`);
    }
    applyAttributes(header, path, header.type === '2' ? undefined : header.mode & 0o7777);
    changeTimes(path, accessTime(header), modifyTime(header));
    return false;
  }

  #placeFile(header: DecodedHeader, path: string): void {
    const { recipe, replaced } = this.#target;
    const mode = header.mode & 0o777;
    let descriptor = -1;
    this.#making(path, () => {
      descriptor = openNode(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, mode);
    });
    let status: NodeStatus;
    try {
      status = statDescriptor(descriptor);
      if (header.sparse === undefined && header.storedSize >= directSize) this.#writeLong(descriptor, header.storedSize);
      else this.#writeParts(descriptor, header);
      if (header.storedSize > 0) {
        replaced.note(path, status.inode);
        recipe.content(path, header.storedSize, header.sparse);
      }
    } catch (error) {
      if (failedWith(error, 'EFBIG')) throw invalidArchive(`write /${path}: file too large`);
      throw failedWith(error, 'ENOSPC', 'EDQUOT') ? fail('layer.disk_full', { path: `/${path}` }, error) : error;
    } finally {
      closeSync(descriptor);
    }
    this.size += header.size;
    applyAttributes(header, path, header.mode & 0o7777, status);
    changeTimes(path, accessTime(header), modifyTime(header));
  }

  #writeParts(descriptor: number, { sparse, storedSize, size }: DecodedHeader): void {
    for (const { offset, length } of sparse ?? [{ offset: 0, length: storedSize }]) {
      let position = offset;
      this.#target.source.each(length, (chunk) => {
        writeAll(descriptor, chunk, position);
        position += chunk.length;
      });
    }
    if (sparse !== undefined) ftruncateSync(descriptor, size);
  }

  #writeLong(descriptor: number, size: number): void {
    let position = 0;
    let writer: DirectWriter | undefined;
    this.#target.source.each(size, (chunk) => {
      // Programs and libraries are read as soon as a container starts: they are to be in the page cache.
      if (position === 0 && !chunk.subarray(0, programMagic.length).equals(programMagic)) {
        writer = this.#long ??= new DirectWriter();
        writer.begin(descriptor);
      }
      if (writer === undefined) writeAll(descriptor, chunk, position);
      else writer.write(chunk);
      position += chunk.length;
    });
    writer?.end();
  }

  #placeDirectory(header: DecodedHeader, { name, path }: { name: string; path: string }): void {
    try {
      makeDirectory(path, header.mode & 0o777);
    } catch (error) {
      if (!failedWith(error, 'EEXIST')) throw error;
      if (statNode(path)?.kind !== nodeKinds.directory) {
        this.#replace(path);
        makeDirectory(path, header.mode & 0o777);
      }
    }
    this.#paths.add(name, path);
    applyAttributes(header, path, header.mode & 0o7777);
    this.#directories.push({ path, accessed: accessTime(header), modified: modifyTime(header) });
  }

  #placeLink(header: DecodedHeader, path: string): void {
    const named = cleanPath(header.linkName);
    if (named === undefined || named === '') throw invalidArchive(`invalid hardlink target ${quoted(header.linkName)}`);
    const directory = this.#paths.find(parentOf(named));
    const target = directory === '' ? baseOf(named) : `${directory}/${baseOf(named)}`;
    this.#making(path, () => makeLink(target, path));
    const linked = statNode(path)?.kind;
    applyAttributes(header, path, linked === nodeKinds.symlink ? undefined : header.mode & 0o7777);
    if (linked !== nodeKinds.symlink) changeTimes(path, accessTime(header), modifyTime(header));
  }

  #placeDevice(header: DecodedHeader, path: string, kind: number): void {
    const { deviceMajor: major, deviceMinor: minor } = header;
    if (major < 0 || major > 0xffffffff || minor < 0 || minor > 0xffffffff) {
      throw invalidArchive(`device number ${major}:${minor} for ${quoted(header.name)} out of range: invalid archive`);
    }
    this.#making(path, () => makeNode(path, kind | (header.mode & 0o7777), { major, minor }));
  }

  #isWhiteout(header: DecodedHeader, name: string): boolean {
    const base = baseOf(name);
    if (!base.startsWith(whiteoutPrefix)) return false;
    if (this.#removed === undefined) return true;
    const parent = parentOf(name);
    const removed = base.slice(whiteoutPrefix.length);
    // A file of that name may be there, too: the whiteout is the one without a time.
    return header.type === '0' && header.size === 0 && header.modified.seconds === 0 && this.#removed.has(parent === '' ? removed : `${parent}/${removed}`);
  }

  #placeWhiteout(header: DecodedHeader, { directory, base }: { directory: string; base: string }): void {
    if (base === opaqueName) {
      this.removals.opaque.push(directory);
      tolerate(['EPERM', 'EOPNOTSUPP', 'ENOTSUP'], () => setAttribute(directory === '' ? '.' : directory, opaqueAttribute, yes));
      return;
    }
    const removed = base.slice(whiteoutPrefix.length);
    if (removed === '' || removed === '.' || removed === '..') throw invalidArchive(`invalid whiteout entry ${quoted(header.name)}`);
    const path = directory === '' ? removed : `${directory}/${removed}`;
    this.removals.whiteouts.push(path);
    // An overlay refuses to have whiteouts of its own made; there layers are copied, by the list of removals.
    const made = tolerate(['EPERM'], () => makeNode(path, nodeKinds.character));
    if (made && (header.uid !== 0 || header.gid !== 0)) changeOwner(path, accountOf(header.uid), accountOf(header.gid));
  }

  /** Makes a node where there may be one already, which then goes. */
  #making(path: string, make: () => void): void {
    try {
      make();
    } catch (error) {
      if (!failedWith(error, 'EEXIST')) throw error;
      this.#replace(path);
      make();
    }
  }

  #replace(path: string): void {
    this.#target.replaced.take(path);
    this.#paths.forget();
  }
}
