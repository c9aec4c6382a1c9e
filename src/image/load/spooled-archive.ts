/**
 * An image archive unpacked for reading in any order. Its files lie in a work directory under names of
 * our own, so no name in the archive reaches the file system; links are followed within the archive only.
 */
import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import { fail } from '#base/errors/failure.ts';
import { readTar } from '#oci/tar/read-tar.ts';
import { asDiskFull } from '../image-catalog.ts';
import { decompress } from '../layer/decompress.ts';

/** Where the contents of a member are. */
type Member = { readonly kind: 'file'; readonly path: string; readonly size: number } | { readonly kind: 'link'; readonly target: string } | { readonly kind: 'directory' } | { readonly kind: 'left-out' };

const mostMembers = 200_000;
const mostLinks = 32;

/** A file of the archive. */
export interface SpooledFile {
  readonly size: number;
  /** Undefined for a file that was left out because its contents are known. */
  readonly open: (() => Readable) | undefined;
}

export class SpooledArchive {
  readonly #members: ReadonlyMap<string, Member>;

  private constructor(members: ReadonlyMap<string, Member>) {
    this.#members = members;
  }

  /**
   * Reads the archive, compressed or not, to its end.
   * @param directory empty
   * @param leaveOut names of files whose contents need not be kept
   * @throws layer.invalid_archive, image.invalid_archive, image.disk_full
   */
  static async read(archive: Readable, options: { directory: string; leaveOut: (name: string) => Promise<boolean>; signal: AbortSignal }): Promise<SpooledArchive> {
    const { directory, signal } = options;
    const { chunks } = await decompress(archive, { signal });
    const members = new Map<string, Member>();
    for await (const { entry, body } of readTar(chunks)) {
      signal.throwIfAborted();
      const name = memberName(entry.name);
      if (members.size >= mostMembers) throw fail('image.invalid_archive', { message: `image archive has more than ${mostMembers} members` });
      if (entry.type === 'directory') members.set(name, { kind: 'directory' });
      else if (entry.type === 'symlink') members.set(name, { kind: 'link', target: posix.resolve('/', posix.dirname(name), entry.linkName).slice(1) });
      else if (entry.type === 'hardlink') members.set(name, { kind: 'link', target: memberName(entry.linkName) });
      else if (entry.type === 'file' && (await options.leaveOut(name))) members.set(name, { kind: 'left-out' });
      else if (entry.type === 'file') {
        const path = join(directory, String(members.size));
        await writeBody(path, body, signal);
        members.set(name, { kind: 'file', path, size: entry.size });
      }
    }
    return new SpooledArchive(members);
  }

  /** Undefined when there is no such file. */
  file(name: string): SpooledFile | undefined {
    const member = this.#find(name);
    if (member?.kind === 'left-out') return { size: 0, open: undefined };
    if (member?.kind !== 'file') return undefined;
    return { size: member.size, open: () => createReadStream(member.path) };
  }

  /** A whole file as text. @throws image.invalid_archive when missing, image.document_too_large */
  async text(name: string, limit: number): Promise<string> {
    return (await this.bytes(name, limit)).toString('utf8');
  }

  /** @throws image.invalid_archive when missing, image.document_too_large */
  async bytes(name: string, limit: number): Promise<Buffer> {
    const member = this.#find(name);
    if (member?.kind !== 'file') throw fail('image.invalid_archive', { message: `open ${name}: no such file or directory` });
    if (member.size > limit) throw fail('image.document_too_large', { what: name, limit });
    return await readFile(member.path);
  }

  /** Names of the directories at the top, in order. */
  topDirectories(): string[] {
    const names = new Set<string>();
    for (const [name, member] of this.#members) {
      const [top] = name.split('/', 1);
      if (top !== undefined && (member.kind === 'directory' || name.includes('/'))) names.add(top);
    }
    return [...names].sort();
  }

  #find(name: string): Member | undefined {
    let at = memberName(name);
    for (let links = 0; links < mostLinks; links++) {
      const member = this.#members.get(at);
      if (member === undefined) {
        const through = this.#throughLink(at);
        if (through === undefined) return undefined;
        at = through;
      } else if (member.kind !== 'link') return member;
      else at = member.target;
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

/** The name within the archive. @throws image.invalid_archive when it leads out of it */
export function memberName(name: string): string {
  const normal = posix.normalize(name.replace(/^\/+/, ''));
  if (normal === '..' || normal.startsWith('../')) throw fail('image.invalid_archive', { message: `invalid archive: ${JSON.stringify(name)} leads out of the archive` });
  return normal.replace(/\/$/, '');
}

async function writeBody(path: string, body: Readable, signal: AbortSignal): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of body) {
      signal.throwIfAborted();
      await file.write(chunk as Buffer);
    }
  } catch (error) {
    throw asDiskFull(error, path);
  }
}
