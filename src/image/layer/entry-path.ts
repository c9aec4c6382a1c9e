/**
 * Where an entry of a layer goes: names become clean paths below the root, links on the way are followed
 * inside it, missing directories are made. What Docker refuses is refused with its words.
 */
import { fail, type EngineError } from '#base/errors/failure.ts';
import { makeDirectory, nodeKinds, readSymlink, statNode } from '#kernel/file-nodes.ts';
import { textOf } from '#oci/tar/byte-string.ts';

const linkLimit = 255;
/** Bytes that the kernel takes for a path, with the slash before it. */
const longestPath = 4095;

export function invalidArchive(message: string): EngineError {
  return fail('layer.invalid_archive', { message });
}

/** A name in double quotes as Go's `%q` prints it. */
export function quoted(name: string): string {
  return JSON.stringify(textOf(name));
}

/** The path without leading slashes, `.` and `..`; empty for the root itself; undefined when it leads outside. */
export function cleanPath(name: string): string | undefined {
  if (!/(^|\/)\.{0,2}(\/|$)/.test(name)) return name;
  const kept: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') kept.push(part);
    else if (kept.pop() === undefined) return undefined;
  }
  return kept.join('/');
}

/** The paths of directories, by the names entries have for them. */
export class DirectoryPaths {
  readonly #known = new Map<string, string>([['', '']]);

  /** The path with no link in it of a directory that entries name `name` (clean); it exists then, or something that is no directory is there. */
  make(name: string): string {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const path = this.#walk(name, true);
    this.#known.set(name, path);
    return path;
  }

  /** Like {@link make}, making nothing. */
  find(name: string): string {
    return this.#known.get(name) ?? this.#walk(name, false);
  }

  /** Notes that the entry `name` is the directory `path`, reached without links. */
  add(name: string, path: string): void {
    this.#known.set(name, path);
    this.#known.set(path, path);
  }

  /** To be called when something was replaced. */
  forget(): void {
    this.#known.clear();
    this.#known.set('', '');
  }

  #walk(name: string, make: boolean): string {
    let parts = name.split('/');
    let path = '';
    let links = 0;
    let absolute = false;
    for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
      if (part === '' || part === '.') continue;
      if (part === '..') {
        path = parentOf(path);
        continue;
      }
      const next = path === '' ? part : `${path}/${part}`;
      if (next.length >= longestPath) throw invalidArchive(`lstat /${textOf(next)}: file name too long`);
      const status = statNode(next);
      if (status === undefined) {
        if (make) makeDirectory(next, 0o755);
      } else if (status.kind === nodeKinds.symlink) {
        if (++links > linkLimit) throw invalidArchive(`statat ${textOf(name)}: too many levels of symbolic links`);
        const target = readSymlink(next);
        if (target.startsWith('/')) {
          absolute = true;
          path = '';
        } else if (!absolute && cleanPath(path === '' ? target : `${path}/${target}`) === undefined) {
          throw invalidArchive(`statat ${textOf(name)}: path escapes from parent`);
        }
        parts = [...target.split('/'), ...parts];
        continue;
      } else if (status.kind !== nodeKinds.directory && parts.length > 0) {
        throw invalidArchive(`statat ${textOf(name)}: not a directory`);
      }
      path = next;
    }
    return path;
  }
}

/** The part before the last slash. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

/** The part behind the last slash. */
export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
