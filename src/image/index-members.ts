/**
 * Images without a name of their own that a name means all the same: those for other platforms of the index it
 * stands for. They are neither dangling nor listed, and go with the last such name.
 */
import type { ImageCatalog } from './image-catalog.ts';
import type { KeptManifest, ManifestCatalog } from './manifests/manifest-catalog.ts';

/** Their ids. */
export function indexMembers(catalog: ImageCatalog, manifests: ManifestCatalog): Set<string> {
  const members = new Map<string, string[]>();
  for (const index of manifests.list()) {
    if (index.kind !== 'index') continue;
    const images = [...new Set(imagesOf(index, manifests))].filter((id) => catalog.has(id));
    // Most indexes have one image here: their names need no look.
    if (images.length > 1 && images.some((id) => catalog.names(id).length === 0)) members.set(index.digest, images);
  }
  const named = [...members].filter(([digest, images]) => images.some((id) => catalog.names(id).some((name) => name.digest === undefined && catalog.targetOf(name) === digest)));
  return new Set(named.flatMap(([, images]) => images.filter((id) => catalog.names(id).length === 0)));
}

function imagesOf(index: KeptManifest, manifests: ManifestCatalog): string[] {
  return index.references.flatMap(({ digest }) => {
    const part = manifests.get(digest);
    if (part === undefined) return [];
    if (part.kind === 'index') return imagesOf(part, manifests);
    return part.image === undefined ? [] : [part.image];
  });
}
