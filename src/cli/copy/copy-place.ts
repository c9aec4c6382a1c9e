/** What stands at the two ends of a copy, and what that makes of the names in the archive, by Docker's rules. */
import { lstatSync, readlinkSync, realpathSync, statSync, type Stats } from 'node:fs';
import { join, resolve } from 'node:path';
import { baseName, cleanPath, keepEnding, namesContents, splitEntry } from '#base/go-path.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { errnoText } from '#cli/errno-text.ts';

const linkLimit = 10;

export interface CopyPlace {
  readonly path: string;
  readonly exists: boolean;
  readonly isDirectory: boolean;
  /** The name the source has in the archive, where it is not the path's last. */
  readonly rebaseName: string;
}

/** Changes to entries' names, one after the other: the first `from` in a name becomes `to`. */
export type Renaming = readonly { readonly from: string; readonly to: string }[];

/** Absolute, with the ending that has a meaning. */
export function resolveLocal(path: string): string {
  return keepEnding(resolve(path), path);
}

/** Where an archive of `source` is to be unpacked, and how its entries are to be called. @throws CommandFailure with Docker's texts */
export function planCopy(source: Pick<CopyPlace, 'path' | 'isDirectory' | 'rebaseName'>, destination: Omit<CopyPlace, 'rebaseName'>): { directory: string; renaming: Renaming } {
  if (destination.exists && destination.isDirectory) return { directory: destination.path, renaming: [] };
  if (destination.exists && source.isDirectory) throw new CommandFailure('cannot copy directory');
  const assertsDirectory = destination.path.endsWith('/') || namesContents(destination.path);
  if (!destination.exists && !source.isDirectory && assertsDirectory) throw new CommandFailure('no such directory');
  const { directory, base } = splitEntry(destination.path);
  const from = source.rebaseName === '' ? splitEntry(source.path).base : source.rebaseName;
  return { directory, renaming: [{ from: from === '/' ? '' : from, to: base }] };
}

export function renamed(name: string, renaming: Renaming): string {
  // A function, as the text may hold what means something in a replacement.
  return renaming.reduce((changed, { from, to }) => changed.replace(from, () => to), name);
}

/** `resolved` with the ending of `path`, and the name that was asked for where links changed it. */
export function rebase(path: string, resolved: string): { path: string; rebaseName: string } {
  const kept = keepEnding(resolved, path);
  return { path: kept, rebaseName: baseName(path) === baseName(kept) ? '' : baseName(path) };
}

/** @param path absolute, see {@link resolveLocal} @throws CommandFailure */
export function localSource(path: string, followLink: boolean): CopyPlace {
  let place: { path: string; rebaseName: string };
  if (followLink) {
    place = rebase(path, withoutLinks(path));
  } else {
    const slash = path.lastIndexOf('/');
    const parent = withoutLinks(path.slice(0, slash + 1));
    const whole = `${parent === '/' ? '' : parent}/${path.slice(slash + 1)}`;
    place = { path: whole, rebaseName: path.endsWith('/') && baseName(path) !== baseName(whole) ? baseName(path) : '' };
  }
  const status = failing('lstat', place.path, () => lstatSync(place.path));
  return { ...place, exists: true, isDirectory: status.isDirectory() };
}

/** Links at the end are followed, also to where nothing is yet. @throws CommandFailure */
export function localDestination(path: string): Omit<CopyPlace, 'rebaseName'> {
  let place = path;
  let status = lookAt(place);
  for (let links = 0; status?.isSymbolicLink() === true; links++) {
    if (links > linkLimit) throw new CommandFailure(`too many symlinks in ${path}`);
    const target = readlinkSync(place);
    place = target.startsWith('/') ? target : cleanPath(join(splitEntry(place).directory, target));
    status = lookAt(place);
  }
  if (status !== undefined) return { path: place, exists: true, isDirectory: status.isDirectory() };
  const { directory } = splitEntry(place);
  if (!failing('stat', directory, () => statSync(directory)).isDirectory()) throw new CommandFailure('not a directory');
  return { path: place, exists: false, isDirectory: false };
}

/** Docker's check of where files are written to. @throws CommandFailure */
export function checkOutputPath(path: string): void {
  const clean = cleanPath(path);
  const { directory } = splitEntry(clean);
  if (directory !== '.' && clean !== '/' && statSync(directory, { throwIfNoEntry: false }) === undefined) {
    throw new CommandFailure(`invalid output path: directory ${JSON.stringify(directory)} does not exist`);
  }
  const status = failing('stat', path, () => statUnlessMissing(path));
  if (status === undefined || status.isDirectory() || status.isFile()) return;
  const fault = status.isCharacterDevice() || status.isBlockDevice() ? 'got a device' : undefined;
  if (fault !== undefined) throw new CommandFailure(`invalid output path: ${JSON.stringify(path)} must be a directory or a regular file: ${fault}`);
}

function statUnlessMissing(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Go's `filepath.EvalSymlinks`, whose failures name the part that is missing. */
function withoutLinks(path: string): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') throw new CommandFailure('not a directory', 1, error);
    const parts = cleanPath(path).split('/');
    const prefixes = parts.map((_, index) => parts.slice(0, index + 1).join('/') || '/');
    const missing = prefixes.find((prefix) => lstatSync(prefix, { throwIfNoEntry: false }) === undefined);
    throw new CommandFailure(`lstat ${missing ?? path}: ${errnoText(error)}`, 1, error);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function lookAt(path: string): Stats | undefined {
  return failing('lstat', path, () => lstatSync(path, { throwIfNoEntry: false }));
}

function failing<T>(call: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new CommandFailure(`${call} ${path}: ${errnoText(error)}`, 1, error);
  }
}
