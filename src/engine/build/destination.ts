/**
 * What copying into an image looks like from inside: paths are resolved in the image's mounted file system,
 * with what was copied before laid over it, and nothing is written. Nobody else may change that file system
 * meanwhile; links in it never lead outside.
 */
import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { fail } from '#base/errors/failure.ts';
import { failedWith } from '#kernel/failed-with.ts';
import type { TarHeader } from '#oci/tar/header-encoder.ts';
import type { TarMember } from '#oci/tar/write-tar.ts';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** What a directory is made with where it is not there. */
export interface NewDirectory {
  readonly last: Owner;
  /** Of those on the way. */
  readonly parents: Owner;
  /** Undefined: 0755. */
  readonly mode?: number | undefined;
  /** Of the last one; undefined: as the others. */
  readonly lastMode?: number | undefined;
  /** Of the last one, also where it is there; undefined: it stays, or is now. */
  readonly modified?: TarHeader['modified'];
}

interface Present {
  readonly kind: 'directory' | 'symlink' | 'other';
  readonly linkName: string;
  /** Of a directory. */
  readonly header: TarHeader | undefined;
  /** The layer has it. */
  readonly isPlaced: boolean;
  /** A directory that the image has not: nothing of the image is in it. */
  readonly isNew?: boolean;
}

const linkLimit = 255;
const rootOwner: Owner = { uid: 0, gid: 0 };

/** How what is there already is met: `replace` as the classic builder, `refuse` a kind that differs, as BuildKit. */
export type Meeting = 'replace' | 'refuse';

export class Destination {
  readonly #root: string;
  readonly #meeting: Meeting;
  /** What the layer holds by now. */
  readonly #placed = new Map<string, Present>();

  /** @param root path of the mounted file system */
  constructor(root: string, meeting: Meeting = 'replace') {
    this.#root = root;
    this.#meeting = meeting;
  }

  /** Without a leading slash, links followed; what does not exist stays as it is. Empty: the root. */
  resolve(path: string): string {
    let pending = path.split('/');
    let way: string[] = [];
    let links = 0;
    for (let part = pending.shift(); part !== undefined; part = pending.shift()) {
      if (part === '' || part === '.') continue;
      if (part === '..') {
        way.pop();
        continue;
      }
      const present = this.#look([...way, part].join('/'));
      if (present?.kind !== 'symlink') {
        way.push(part);
        continue;
      }
      if (++links > linkLimit) throw fail('build.step_failed', { message: `${path}: too many levels of symbolic links` });
      if (present.linkName.startsWith('/')) way = [];
      pending = [...present.linkName.split('/'), ...pending];
    }
    return way.join('/');
  }

  /**
   * A path below a resolved directory as a process sees it whose root that directory is: links at its end are not followed,
   * those on the way stay below. @throws build.step_failed where a link leads above
   */
  resolveBelow(base: string, path: string): string {
    const parts = path.split('/').filter((part) => part !== '' && part !== '.');
    const last = parts.pop() ?? '';
    let way: string[] = [];
    let links = 0;
    for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
      if (part === '..') {
        if (way.length === 0) throw this.failure(`statat ${path.split('/', 1)[0] ?? path}: path escapes from parent`);
        way.pop();
      } else if (part !== '' && part !== '.') {
        const present = this.#look([base, ...way, part].filter((name) => name !== '').join('/'));
        if (present?.kind !== 'symlink') way.push(part);
        else {
          if (++links > linkLimit) throw this.failure(`${path}: too many levels of symbolic links`);
          if (present.linkName.startsWith('/')) way = [];
          parts.unshift(...present.linkName.split('/'));
        }
      }
    }
    return [base, ...way, last].filter((name) => name !== '').join('/');
  }

  /** Whether something is at a resolved path, be it a link. */
  has(path: string): boolean {
    return path === '' || this.#look(path) !== undefined;
  }

  /** @param path resolved */
  isDirectory(path: string): boolean {
    return path === '' || this.#look(path)?.kind === 'directory';
  }

  /** Whether something on the way to a resolved path is there and no directory. */
  isBelowFile(path: string): boolean {
    const parts = path.split('/');
    return parts.slice(0, -1).some((_part, index) => {
      const present = this.#look(parts.slice(0, index + 1).join('/'));
      return present !== undefined && present.kind !== 'directory';
    });
  }

  /** Entries that make a resolved path a directory: of each directory on the way, whether it is there or new. */
  *directory(path: string, owners: NewDirectory = { last: rootOwner, parents: rootOwner }): Generator<TarMember> {
    const parts = path.split('/').filter((part) => part !== '');
    for (let count = 1; count <= parts.length; count++) {
      const name = parts.slice(0, count).join('/');
      const present = this.#look(name);
      if (present !== undefined && present.kind !== 'directory') throw fail('build.step_failed', { message: this.#noDirectory(name, count === parts.length && owners.modified !== undefined) });
      const isLast = count === parts.length;
      const modified = isLast ? owners.modified : undefined;
      if (present?.isPlaced === true && modified === undefined) continue;
      const owner = isLast ? owners.last : owners.parents;
      const mode = (isLast ? owners.lastMode : undefined) ?? owners.mode ?? 0o755;
      const before: TarHeader = present?.header ?? { name: `${name}/`, type: 'directory', mode, ...owner, modified: now() };
      const header = modified === undefined ? before : { ...before, modified };
      this.#placed.set(name, { kind: 'directory', linkName: '', header, isPlaced: true, isNew: present === undefined || present.isNew === true });
      yield { header };
    }
  }

  /** An entry at a path whose directory is resolved here, with the entries of that directory. */
  *place(path: string, header: Omit<TarHeader, 'name'>, body?: TarMember['body'], meeting = this.#meeting): Generator<TarMember> {
    const name = this.#nameOf(path);
    yield* this.directory(name.slice(0, Math.max(name.lastIndexOf('/'), 0)));
    const isDirectory = header.type === 'directory';
    const present = this.#look(name);
    if (meeting === 'refuse') this.#checkKind(name, isDirectory, present);
    this.#placed.set(name, {
      kind: isDirectory ? 'directory' : header.type === 'symlink' ? 'symlink' : 'other',
      linkName: header.linkName ?? '',
      header: isDirectory ? { ...header, name: `${name}/` } : undefined,
      isPlaced: true,
      isNew: isDirectory && (present?.kind !== 'directory' || present.isNew === true),
    });
    const linkName = header.type === 'hardlink' ? this.#nameOf(header.linkName ?? '') : header.linkName;
    yield { header: { ...header, linkName, name: isDirectory ? `${name}/` : name }, body };
  }

  /** Links on the way are followed, one at the end is not. */
  #nameOf(path: string): string {
    const slash = path.lastIndexOf('/');
    const parent = this.resolve(path.slice(0, Math.max(slash, 0)));
    const base = path.slice(slash + 1);
    return parent === '' ? base : `${parent}/${base}`;
  }

  #checkKind(name: string, isDirectory: boolean, present: Present | undefined): void {
    if (present === undefined || isDirectory === (present.kind === 'directory')) return;
    throw fail('build.step_failed', { message: isDirectory ? `cannot copy to non-directory: /${name}` : `cannot replace to directory /${name} with file` });
  }

  /** What is wrong with an entry of an archive that is unpacked here. */
  failure(reason: string): Error {
    return fail('build.step_failed', { message: `${this.#meeting === 'replace' ? 'failed to copy files: ' : ''}${reason}` });
  }

  #noDirectory(name: string, copied: boolean): string {
    if (this.#meeting === 'replace') return `failed to copy files: mkdir /${name}: not a directory`;
    return copied ? `cannot copy to non-directory: /${name}` : `mkdir /${name}: not a directory`;
  }

  #look(path: string): Present | undefined {
    return this.#placed.get(path) ?? this.#lookInImage(path);
  }

  #lookInImage(path: string): Present | undefined {
    // What replaced a directory of the image hides what was in it.
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const above = this.#placed.get(path.slice(0, slash));
      if (above !== undefined && (above.kind !== 'directory' || above.isNew === true)) return undefined;
    }
    const full = `${this.#root}/${path}`;
    const status = statusOf(full);
    if (status === undefined) return undefined;
    if (status.isSymbolicLink()) return { kind: 'symlink', linkName: readlinkSync(full), header: undefined, isPlaced: false };
    if (!status.isDirectory()) return { kind: 'other', linkName: '', header: undefined, isPlaced: false };
    const { mode, uid, gid, mtimeMs } = status;
    return {
      kind: 'directory',
      linkName: '',
      isPlaced: false,
      header: { name: `${path}/`, type: 'directory', mode: mode & 0o7777, uid, gid, modified: { seconds: Math.floor(mtimeMs / 1000), nanoseconds: 0 } },
    };
  }
}

/** Undefined where nothing is. */
function statusOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (failedWith(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}

function now(): { seconds: number; nanoseconds: number } {
  return { seconds: Math.floor(Date.now() / 1000), nanoseconds: 0 };
}
