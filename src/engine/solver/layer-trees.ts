/** File systems of layers, mounted for as long as they are needed, and their files as trees to copy from. */
import { join, posix } from 'node:path';
import { newIdentifier } from '#base/identifier.ts';
import { SourceTree } from '#build/source-tree.ts';
import type { Snapshotter } from '#image/contract.ts';
import { hasWildcard, literalPrefix } from '../build/select-sources.ts';

export interface MountedLayer extends AsyncDisposable {
  readonly id: string;
  readonly path: string;
}

/** @param top undefined: an empty file system */
export async function mountLayer(snapshotter: Snapshotter, top: string | undefined): Promise<MountedLayer> {
  const id = newIdentifier();
  await snapshotter.create(id, top, { plain: true });
  try {
    return { id, path: await snapshotter.mount(id), [Symbol.asyncDispose]: async () => await snapshotter.remove(id) };
  } catch (error) {
    await snapshotter.remove(id);
    throw error;
  }
}

/** As much of a layer's files as the path, which may be a pattern, can mean. @param directory of the tree's own */
export async function treeOfLayer(snapshotter: Snapshotter, top: string | undefined, { path, directory }: { path: string; directory: string }): Promise<SourceTree> {
  const wanted = posix.join('/', path.replace('/./', '/')).slice(1);
  await using mounted = await mountLayer(snapshotter, top);
  const archive = await snapshotter.archivePath(mounted.id, hasWildcard(wanted) ? literalPrefix(wanted) : wanted);
  return await SourceTree.read(archive, join(directory, 'files'));
}
