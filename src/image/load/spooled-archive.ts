/**
 * An image archive unpacked for reading in any order, in one pass. What looks like a layer is unpacked at
 * once, before it is known where it belongs; other files lie in a work directory under names of our own, so
 * no name in the archive reaches the file system. Links are followed within the archive only.
 */
import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import { fail } from '#base/errors/failure.ts';
import { releaseBytes } from '#base/release-bytes.ts';
import { readTar } from '#oci/tar/read-tar.ts';
import { asDiskFull } from '../image-catalog.ts';
import type { StagedLayer } from '../layer/contract.ts';
import { decompress, peek } from '../layer/decompress.ts';
import { looksLikeLayer, peekedBytes } from './looks-like-layer.ts';
import { StagedMembers } from './staged-members.ts';

/** Where the contents of a member are. */
type Member =
  | { readonly kind: 'file'; readonly path: string; readonly size: number }
  | { readonly kind: 'layer'; readonly staged: () => Promise<StagedLayer>; readonly size: number }
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'directory' }
  | { readonly kind: 'left-out' };

const mostMembers = 200_000;
const mostLinks = 32;

/** A file of the archive: as a stream, unpacked as a layer already, or left out because its contents are known. */
export type SpooledFile =
  | { readonly kind: 'file'; readonly size: number; readonly open: () => Readable }
  /** `staged` throws what unpacking threw. */
  | { readonly kind: 'layer'; readonly size: number; readonly staged: () => Promise<StagedLayer> }
  | { readonly kind: 'left-out' };

export interface SpoolOptions {
  /** Empty. */
  readonly directory: string;
  /** The memory of the archive's chunks may be given back as they are used up. */
  readonly disposable: boolean;
  /** Whether a file of this name need not be kept. */
  readonly leaveOut: (name: string) => Promise<boolean>;
  /** Unpacks what looks like a layer. */
  readonly stage: (name: string, size: number, contents: AsyncIterable<Uint8Array>) => Promise<StagedLayer>;
  readonly signal: AbortSignal;
}

/** Disposed, layers that nobody adopted go. */
export class SpooledArchive implements AsyncDisposable {
  readonly #directory: string;
  readonly #members = new Map<string, Member>();
  readonly #staged: StagedMembers;
  /** Entries so far; of those of one name the last counts. */
  #entries = 0;

  private constructor(options: SpoolOptions) {
    this.#directory = options.directory;
    this.#staged = new StagedMembers(options.signal);
  }

  /** Reads the archive, compressed or not, to its end. @throws layer.invalid_archive, layer.disk_full, image.invalid_archive, image.disk_full */
  static async read(archive: Readable, options: SpoolOptions): Promise<SpooledArchive> {
    const spooled = new SpooledArchive(options);
    try {
      await spooled.#read(archive, options);
    } catch (error) {
      await spooled[Symbol.asyncDispose]();
      throw error;
    }
    return spooled;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#staged[Symbol.asyncDispose]();
  }

  async #read(archive: Readable, options: SpoolOptions): Promise<void> {
    const { signal } = options;
    const { chunks } = await decompress(archive, { signal });
    const members = this.#members;
    for await (const { entry, pieces } of readTar(chunks, { onUsed: options.disposable ? releaseBytes : undefined })) {
      signal.throwIfAborted();
      const name = memberName(entry.name);
      this.#entries++;
      if (this.#entries > mostMembers) throw fail('image.invalid_archive', { message: `image archive has more than ${mostMembers} members` });
      if (entry.type === 'directory') members.set(name, { kind: 'directory' });
      else if (entry.type === 'symlink') members.set(name, { kind: 'link', target: posix.resolve('/', posix.dirname(name), entry.linkName).slice(1) });
      else if (entry.type === 'hardlink') members.set(name, { kind: 'link', target: this.#linked(entry.linkName, name) });
      else if (entry.type === 'file' && (await options.leaveOut(name))) members.set(name, { kind: 'left-out' });
      else if (entry.type === 'file') members.set(name, await this.#keep(name, entry.size, pieces(), options));
    }
  }

  /** What a hard link leads to, which has to be there by then. */
  #linked(linkName: string, name: string): string {
    const target = memberName(linkName);
    if (this.#find(target) === undefined) throw fail('image.invalid_archive', { message: `linkat ${target} ${name}: no such file or directory` });
    return target;
  }

  async #keep(name: string, size: number, body: AsyncIterable<Uint8Array>, { stage, signal }: SpoolOptions): Promise<Member> {
    const { start, rest } = await peek(body, peekedBytes);
    if (looksLikeLayer(start)) return { kind: 'layer', size, staged: await this.#staged.add(rest, async (contents) => await stage(name, size, contents)) };
    const path = join(this.#directory, String(this.#entries));
    await writeBody(path, rest, signal);
    return { kind: 'file', path, size };
  }

  /** Refuses a name that leads out of the archive, be there something or not. @throws image.invalid_archive */
  checkName(name: string): void {
    this.#follow(name);
  }

  /** Undefined when there is no such file. @throws image.invalid_archive when the name leads out of the archive */
  file(name: string): SpooledFile | undefined {
    const member = this.#find(name);
    switch (member?.kind) {
      case 'left-out':
        return { kind: 'left-out' };
      case 'layer':
        return member;
      case 'file':
        return { kind: 'file', size: member.size, open: () => createReadStream(member.path) };
      default:
        return undefined;
    }
  }

  /** A whole file as text. @throws image.invalid_archive when missing, image.document_too_large, image.invalid_document */
  async text(name: string, limit: number): Promise<string> {
    return (await this.bytes(name, limit)).toString('utf8');
  }

  /** @throws image.invalid_archive when missing, image.document_too_large, image.invalid_document */
  async bytes(name: string, limit: number): Promise<Buffer> {
    const member = this.#find(name);
    if (member?.kind === 'layer') throw fail('image.invalid_document', { what: name, reason: 'is a tar archive or compressed' });
    if (member?.kind !== 'file') throw this.missing(name);
    if (member.size > limit) throw fail('image.document_too_large', { what: name, limit });
    return await readFile(member.path);
  }

  /** The failure of a file that is not there, or is none, in the words of Docker. */
  missing(name: string): Error {
    const path = join(this.#directory, this.#follow(name));
    if (path === this.#directory || this.#find(name)?.kind === 'directory') return fail('image.invalid_archive', { message: `read ${path}: is a directory` });
    return fail('image.invalid_archive', { message: `open ${path}: no such file or directory` });
  }

  /** Names of the directories at the top, in order. */
  topDirectories(): string[] {
    const names = new Set<string>();
    for (const [name, member] of this.#members) {
      const [top] = name.split('/', 1);
      if (top !== undefined && top !== '.' && (member.kind === 'directory' || name.includes('/'))) names.add(top);
    }
    return [...names].sort();
  }

  #find(name: string): Member | undefined {
    return this.#members.get(this.#follow(name));
  }

  /** The name behind all links. */
  #follow(name: string): string {
    let at = posix.normalize(`./${name}`).replace(/\/$/, '');
    if (at === '..' || at.startsWith('../')) throw fail('image.invalid_archive', { message: `evalSymlinksInScope: ${join(this.#directory, name)} is not in ${this.#directory}` });
    for (let links = 0; links < mostLinks; links++) {
      const member = this.#members.get(at);
      const next = member === undefined ? this.#throughLink(at) : member.kind === 'link' ? member.target : undefined;
      if (next === undefined) return at;
      at = next;
    }
    throw fail('image.invalid_archive', { message: `open ${name}: too many levels of symbolic links` });
  }

  /** The name with the first part of it that is a link replaced. */
  #throughLink(name: string): string | undefined {
    const parts = name.split('/');
    for (let length = 1; length < parts.length; length++) {
      const member = this.#members.get(parts.slice(0, length).join('/'));
      if (member?.kind === 'link') return posix.join(member.target, ...parts.slice(length));
    }
    return undefined;
  }
}

/** Bytes of a part of a path, by the file systems that archives come from and go to. */
const longestPart = 255;

/** The name within the archive. @throws image.invalid_archive when it leads out of it, or no file system would take it */
export function memberName(name: string): string {
  const normal = posix.normalize(name.replace(/^\/+/, ''));
  if (normal === '..' || normal.startsWith('../')) throw fail('image.invalid_archive', { message: `invalid entry name ${JSON.stringify(name)}` });
  if (normal.split('/').some((part) => Buffer.byteLength(part) > longestPart)) throw fail('image.invalid_archive', { message: `openat ${normal}: file name too long` });
  return normal.replace(/\/$/, '');
}

async function writeBody(path: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  for await (const chunk of body) {
    signal.throwIfAborted();
    try {
      await file.write(chunk);
    } catch (error) {
      throw asDiskFull(error, path);
    }
  }
}
