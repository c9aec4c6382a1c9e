/**
 * Unpacks an archive into the root directory of the calling thread, which must be the place in the container
 * (`enterRoot`), with the rules and words of Docker's copying. Blocking. What entries name is reached by
 * following links inside that directory only.
 */
import { closeSync, constants, ftruncateSync, rmSync } from 'node:fs';
import { fail } from '#base/errors/failure.ts';
import { ownerOnHost, type IdentityMapping, type Owner } from '#base/identity-mapping.ts';
import { failedWith } from '#kernel/failed-with.ts';
import { changeTimes, makeDirectory, makeLink, makeNode, makeSymlink, nodeKinds, openNode, statNode, type NodeTime } from '#kernel/file-nodes.ts';
import type { ArchiveSource } from '#image/layer/archive-source.ts';
import { accessTime, applyAttributes, modifyTime, writeAll } from '#image/layer/entry-attributes.ts';
import { baseOf, cleanPath, DirectoryPaths, invalidArchive, parentOf, quoted } from '#image/layer/entry-path.ts';
import { decodeHeader, paddingOf, type DecodedHeader } from '#oci/tar/header-decoder.ts';

export interface ExtractionRules {
  /** Refuse to replace a directory by something else and the other way round. */
  readonly noOverwriteDirNonDir: boolean;
  /** Whom everything belongs to; undefined: as the archive says. */
  readonly owner: Owner | undefined;
  /** Of the archive's owners; undefined: they are the host's. */
  readonly mapping?: IdentityMapping | undefined;
}

/** @throws layer.invalid_archive, archive.overwrites, archive.disk_full, kernel.syscall_failed */
export function extractArchive(source: ArchiveSource, rules: ExtractionRules): void {
  const extraction = new Extraction(source, rules);
  while (extraction.next());
  extraction.finish();
}

class Extraction {
  readonly #source: ArchiveSource;
  readonly #rules: ExtractionRules;
  readonly #paths = new DirectoryPaths();
  readonly #directories: { path: string; accessed: NodeTime; modified: NodeTime }[] = [];

  constructor(source: ArchiveSource, rules: ExtractionRules) {
    this.#source = source;
    this.#rules = rules;
  }

  /** Unpacks an entry; false at the end of the archive. */
  next(): boolean {
    const demand = decodeHeader();
    let step = demand.next(Buffer.alloc(0));
    while (step.done !== true) step = demand.next(this.#source.read(step.value));
    const header = step.value;
    if (header === undefined) return false;
    const { owner = header, mapping } = this.#rules;
    const { uid, gid } = mapping === undefined ? owner : ownerOnHost(mapping, owner);
    if (!this.#place({ ...header, uid, gid })) this.#source.each(header.storedSize, () => undefined);
    this.#source.read(paddingOf(header.storedSize));
    return true;
  }

  /** Takes what follows the archive's end, and gives directories their times, which unpacking into them has changed. */
  finish(): void {
    for (let chunk = this.#source.some(65536); chunk !== undefined; chunk = this.#source.some(65536)) this.#source.take(chunk.length);
    for (const { path, accessed, modified } of this.#directories) {
      // A later entry may have replaced it.
      if (statNode(path)?.kind === nodeKinds.directory) changeTimes(path, accessed, modified);
    }
  }

  /** Whether the entry's contents were read. */
  #place(header: DecodedHeader): boolean {
    const name = cleanPath(header.name);
    if (name === undefined) throw invalidArchive(`invalid entry name ${quoted(header.name)}`);
    // The place itself stays as it is.
    if (name === '' && header.type === '5') return false;
    const directory = this.#paths.make(parentOf(name));
    const base = baseOf(name);
    const path = directory === '' ? base : `${directory}/${base}`;
    const present = name === '' ? nodeKinds.directory : statNode(path)?.kind;
    if (present !== undefined) this.#refuseOverwriting(header, name, present);
    if (present !== undefined && !(present === nodeKinds.directory && header.type === '5')) this.#remove(path);
    const mode = header.mode & 0o7777;
    switch (header.type) {
      case '0':
        this.#placeFile(header, path);
        return true;
      case '1':
        this.#placeLink(header, path);
        return false;
      case '2':
        makeSymlink(header.linkName, path);
        break;
      case '3':
        this.#placeDevice(header, path, nodeKinds.character);
        break;
      case '4':
        this.#placeDevice(header, path, nodeKinds.block);
        break;
      case '5':
        if (present !== nodeKinds.directory) makeDirectory(path, mode & 0o777);
        this.#paths.add(name, path);
        applyAttributes(header, path, mode);
        this.#directories.push({ path, accessed: accessTime(header), modified: modifyTime(header) });
        return false;
      case '6':
        makeNode(path, nodeKinds.fifo | mode);
        break;
      default:
        throw invalidArchive(`unhandled tar header type ${header.type.charCodeAt(0)}`);
    }
    applyAttributes(header, path, header.type === '2' ? undefined : mode);
    changeTimes(path, accessTime(header), modifyTime(header));
    return false;
  }

  #refuseOverwriting(header: DecodedHeader, name: string, present: number): void {
    if (!this.#rules.noOverwriteDirNonDir) return;
    const wasDirectory = present === nodeKinds.directory;
    const isDirectory = header.type === '5';
    if (wasDirectory === isDirectory) return;
    throw fail('archive.overwrites', {
      present: wasDirectory ? 'directory' : 'non-directory',
      name: quoted(name),
      wanted: isDirectory ? 'directory' : 'non-directory',
    });
  }

  #remove(path: string): void {
    rmSync(Buffer.from(path, 'latin1'), { recursive: true, force: true });
    this.#paths.forget();
  }

  #placeFile(header: DecodedHeader, path: string): void {
    const descriptor = openNode(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, header.mode & 0o777);
    try {
      for (const { offset, length } of header.sparse ?? [{ offset: 0, length: header.storedSize }]) {
        let position = offset;
        this.#source.each(length, (chunk) => {
          writeAll(descriptor, chunk, position);
          position += chunk.length;
        });
      }
      if (header.sparse !== undefined) ftruncateSync(descriptor, header.size);
    } catch (error) {
      throw failedWith(error, 'ENOSPC', 'EDQUOT') ? fail('archive.disk_full', { path: `/${path}` }, error) : error;
    } finally {
      closeSync(descriptor);
    }
    applyAttributes(header, path, header.mode & 0o7777);
    changeTimes(path, accessTime(header), modifyTime(header));
  }

  #placeLink(header: DecodedHeader, path: string): void {
    const named = cleanPath(header.linkName);
    if (named === undefined || named === '') throw invalidArchive(`invalid hardlink target ${quoted(header.linkName)}`);
    const directory = this.#paths.find(parentOf(named));
    makeLink(directory === '' ? baseOf(named) : `${directory}/${baseOf(named)}`, path);
    const isSymlink = statNode(path)?.kind === nodeKinds.symlink;
    applyAttributes(header, path, isSymlink ? undefined : header.mode & 0o7777);
    if (!isSymlink) changeTimes(path, accessTime(header), modifyTime(header));
  }

  #placeDevice(header: DecodedHeader, path: string, kind: number): void {
    const { deviceMajor: major, deviceMinor: minor } = header;
    if (major < 0 || major > 0xffffffff || minor < 0 || minor > 0xffffffff) {
      throw invalidArchive(`device number ${major}:${minor} for ${quoted(header.name)} out of range: invalid archive`);
    }
    makeNode(path, kind | (header.mode & 0o7777), { major, minor });
  }
}
