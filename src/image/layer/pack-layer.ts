/**
 * Makes a layer's archive again from its recipe and its tree, which must be the root directory of the
 * calling thread, and checks it against the digest. Blocking.
 */
import { createHash } from 'node:crypto';
import { closeSync, constants } from 'node:fs';
import { DirectReader } from '#kernel/direct-reader.ts';
import { failedWith } from '#kernel/failed-with.ts';
import { openNode, workingDirectory } from '#kernel/file-nodes.ts';
import { invalidArchive } from './entry-path.ts';
import { readRecipe, type RecipeRecord } from './tar-recipe.ts';

/** Takes the archive's bytes. */
export interface PackSink {
  /** Room for at least a byte, to be filled and given by `put`. */
  space(): Buffer;
  put(length: number): void;
  end(): void;
}

export interface PackTarget {
  readonly sink: PackSink;
  readonly recipeDescriptor: number;
  readonly layerDirectory: number;
  readonly diffId: string;
  readonly replaced: Readonly<Record<number, string>>;
}

/** @throws layer.invalid_archive when the layer is not what it was */
export function packLayer({ sink, recipeDescriptor, layerDirectory, diffId, replaced }: PackTarget): void {
  const hash = createHash('sha256');
  let contents = 0;
  using reader = new DirectReader();
  const fill = (read: (space: Buffer) => number): number => {
    const space = sink.space();
    const length = read(space);
    hash.update(space.subarray(0, length));
    sink.put(length);
    return length;
  };
  for (const record of readRecipe(recipeDescriptor)) {
    if (record.kind === 'verbatim') {
      for (let position = 0; position < record.bytes.length; ) {
        position += fill((space) => record.bytes.copy(space, 0, position));
      }
      continue;
    }
    const moved = replaced[contents];
    contents++;
    const descriptor = openContents(moved ?? record.path, moved === undefined ? workingDirectory : layerDirectory, diffId);
    try {
      reader.begin(descriptor, record.segments === undefined ? record.size : 0);
      for (const { offset, length } of record.segments ?? [{ offset: 0, length: record.size }]) {
        for (let position = 0; position < length; ) {
          const read = fill((space) => reader.read(space.subarray(0, length - position), offset + position));
          if (read === 0) throw damaged(diffId, record);
          position += read;
        }
      }
    } finally {
      closeSync(descriptor);
    }
  }
  const actual = `sha256:${hash.digest('hex')}`;
  if (actual !== diffId) throw invalidArchive(`layer ${diffId} is damaged: its contents now have digest ${actual}`);
  sink.end();
}

function openContents(path: string, directory: number, diffId: string): number {
  try {
    return openNode(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0, directory);
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw invalidArchive(`layer ${diffId} is damaged: file ${path} is missing`);
    throw error;
  }
}

function damaged(diffId: string, record: RecipeRecord): Error {
  return invalidArchive(`layer ${diffId} is damaged: file ${record.kind === 'content' ? record.path : ''} is shorter than it was`);
}
