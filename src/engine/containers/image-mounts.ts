/** Mounts of images' files: each container has a snapshot of its own for each, which is mounted while the container runs. */
import { newIdentifier } from '#base/identifier.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineParts } from './engine-parts.ts';
import type { PlannedMount } from './planned-mount.ts';

/** Gives every mount of an image its snapshot. @param undo takes the snapshots away again. @throws image.* where there is no such image */
export async function makeImageMounts(mounts: readonly PlannedMount[], { images, snapshotter }: Pick<EngineParts, 'images' | 'snapshotter'>, { remapped, undo }: { readonly remapped: boolean; readonly undo: AsyncDisposableStack }): Promise<PlannedMount[]> {
  const made: PlannedMount[] = [];
  for (const mount of mounts) {
    if (mount.point.Type !== 'image') {
      made.push(mount);
      continue;
    }
    // One that is lent by another container is of the image that one has.
    const image = images.resolve(mount.image?.id ?? mount.point.Name ?? '');
    const snapshot = newIdentifier();
    await snapshotter.create(snapshot, image.topLayer, { plain: true, remapped });
    undo.defer(() => snapshotter.remove(snapshot));
    const { Data } = snapshotter.describe(snapshot);
    made.push({ ...mount, image: { id: image.id, snapshot }, point: { ...mount.point, Source: Data?.['MergedDir'] ?? '' } });
  }
  return made;
}

export function imageSnapshotsOf({ mounts }: Pick<ContainerRecord, 'mounts'>): string[] {
  return mounts.flatMap(({ image }) => image?.snapshot ?? []);
}
