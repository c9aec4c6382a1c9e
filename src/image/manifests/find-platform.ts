/** The image of a platform, among those that one index ties together. */
import { fail } from '#base/errors/failure.ts';
import { platformOf } from '#oci/image-configuration.ts';
import { formatPlatform, platformRank, runsOn, type Platform } from '#oci/platform.ts';
import { parseAnyReference } from '#oci/reference.ts';
import type { ImageParts } from '../image-parts.ts';
import { resolveImage } from '../resolve-image.ts';
import type { KeptManifest } from './manifest-catalog.ts';

/** @throws image.not_found, image.invalid_reference, image.platform_mismatch */
export function resolveForPlatform(parts: Pick<ImageParts, 'catalog' | 'manifests'>, reference: string, platform: Platform): string {
  const { catalog, manifests } = parts;
  const id = resolveImage(catalog, reference);
  const offered = platformOf(catalog.get(id).configuration);
  if (runsOn(platform, offered)) return id;
  const parsed = parseAnyReference(reference);
  const target = parsed.kind === 'digest' ? undefined : manifests.targetOf(parsed.name);
  const found = target?.kind === 'index' ? imageIn(parts, target, platform) : siblingFor(parts, id, platform);
  if (found !== undefined) return found;
  throw fail('image.platform_mismatch', { reference, offered: formatPlatform(offered), wanted: formatPlatform(platform) });
}

/** The image for another platform that an index ties to this one; undefined when there is none here. */
export function siblingFor(parts: Pick<ImageParts, 'catalog' | 'manifests'>, id: string, platform: Platform): string | undefined {
  for (const index of parts.manifests.ofImage(id).flatMap(({ digest }) => parts.manifests.indexesOf(digest))) {
    const found = imageIn(parts, index, platform);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The image of an index that fits best; undefined when none of them is here. */
function imageIn(parts: Pick<ImageParts, 'catalog' | 'manifests'>, index: KeptManifest, platform: Platform): string | undefined {
  const ranked = index.references
    .map((reference) => ({ reference, rank: reference.platform === undefined ? undefined : platformRank(platform, reference.platform) }))
    .flatMap(({ reference, rank }) => (rank === undefined ? [] : [{ digest: reference.digest, rank }]))
    .sort((a, b) => a.rank - b.rank);
  for (const { digest } of ranked) {
    const manifest = parts.manifests.get(digest);
    if (manifest?.kind === 'index') return imageIn(parts, manifest, platform);
    if (manifest?.image !== undefined && parts.catalog.has(manifest.image)) return manifest.image;
  }
  return undefined;
}
