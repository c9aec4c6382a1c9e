/** The use cases on the files of containers: changes, copying in and out, export. */
import type { FilesystemChange } from '#schema/archive-views.ts';
import { textOf } from '#oci/tar/byte-string.ts';
import type { EngineParts } from '../containers/engine-parts.ts';
import type { ArchiveUseCases } from '../contract.ts';

const changeNumbers = { modified: 0, added: 1, deleted: 2 } as const;

export function archiveUseCases(parts: EngineParts): ArchiveUseCases {
  const { registry, snapshotter } = parts;
  return {
    async changes(reference): Promise<FilesystemChange[]> {
      const changes = await snapshotter.changes(registry.resolve(reference).id);
      return changes.map(({ path, kind }) => ({ Path: textOf(path), Kind: changeNumbers[kind] }));
    },
  };
}
