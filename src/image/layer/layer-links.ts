/** Short names of trees, for mount options: the file `link` in a directory and the symbolic link `l/<link>` to its tree. */
import { readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { failedWith } from '#kernel/failed-with.ts';
import type { LayerPaths } from './layer-paths.ts';

export interface LinkedDirectory {
  /** Where the directory is now, maybe not yet in its place. */
  readonly directory: string;
  /** The name it has in its place. */
  readonly name: string;
  readonly link: string;
  /** Links of the layers below, topmost first. */
  readonly lower: readonly string[];
}

export function writeLink(paths: LayerPaths, { directory, name, link, lower }: LinkedDirectory): void {
  writeFileSync(`${directory}/link`, link);
  if (lower.length > 0) writeFileSync(`${directory}/lower`, lower.map((below) => `l/${below}`).join(':'));
  symlinkSync(`../${name}/diff`, `${paths.links}/${link}`);
}

/** The link of a directory in its place; undefined when it has none. */
export function readLink(paths: LayerPaths, name: string): string | undefined {
  try {
    return readFileSync(`${paths.layer(name)}/link`, 'utf8');
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return undefined;
    throw error;
  }
}

export function removeLink(paths: LayerPaths, name: string): void {
  const link = readLink(paths, name);
  if (link === undefined || !/^[A-Z2-7]{26}$/.test(link)) return;
  try {
    unlinkSync(`${paths.links}/${link}`);
  } catch (error) {
    if (!failedWith(error, 'ENOENT')) throw error;
  }
}
