/** An OCI image layout without Docker's `manifest.json`: `index.json` leads to manifests, those to blobs. */
import { fail } from '#base/errors/failure.ts';
import { digestAlgorithm, encodedPart, hasDigest } from '#oci/digest.ts';
import { largestDocument, parseManifest, type Descriptor } from '#oci/manifest.ts';
import { mediaTypes } from '#oci/media-types.ts';
import { hostPlatform, platformRank } from '#oci/platform.ts';
import type { ArchivedImage } from './archive-manifest.ts';
import type { SpooledArchive } from './spooled-archive.ts';

const nameAnnotation = 'io.containerd.image.name';
const referenceAnnotation = 'org.opencontainers.image.ref.name';
/** Indexes within indexes. */
const deepest = 8;

/** The images of the layout that run here. An image listed under several names is one image with these names. */
export async function readOciLayout(archive: SpooledArchive): Promise<ArchivedImage[]> {
  const index = parseManifest(await archive.text('index.json', largestDocument), mediaTypes.ociIndex);
  if (index.kind !== 'index') throw fail('image.invalid_archive', { message: 'index.json is not an image index' });
  const images = new Map<string, ArchivedImage>();
  for (const descriptor of index.manifests) {
    const image = await readImage(archive, descriptor, deepest);
    if (image === undefined) continue;
    const known = images.get(image.config);
    const names = [...(known?.names ?? []), ...nameOf(descriptor)];
    images.set(image.config, { ...image, names });
  }
  return [...images.values()];
}

async function readImage(archive: SpooledArchive, descriptor: Descriptor, depth: number): Promise<ArchivedImage | undefined> {
  if (depth === 0) throw fail('image.invalid_archive', { message: 'image indexes are nested too deeply' });
  const bytes = await archive.bytes(blobName(descriptor.digest), largestDocument);
  if (!hasDigest(bytes, descriptor.digest)) {
    throw fail('image.digest_mismatch', { message: `manifest verification failed for digest ${descriptor.digest}` });
  }
  const manifest = parseManifest(bytes.toString('utf8'), descriptor.mediaType === '' ? undefined : descriptor.mediaType);
  if (manifest.kind === 'index') {
    const [best] = runnableHere(manifest.manifests);
    return best === undefined ? undefined : await readImage(archive, best, depth - 1);
  }
  return {
    config: blobName(manifest.config.digest),
    configDigest: manifest.config.digest,
    names: [],
    layers: manifest.layers.map(({ digest }) => ({ name: blobName(digest), digest })),
  };
}

/** Those that run on this machine, the best first; attestations are no images. */
function runnableHere(manifests: readonly Descriptor[]): Descriptor[] {
  const host = hostPlatform();
  return manifests
    .map((descriptor) => ({ descriptor, rank: descriptor.platform === undefined ? Number.MAX_SAFE_INTEGER : platformRank(host, descriptor.platform) }))
    .flatMap(({ descriptor, rank }) => (rank === undefined ? [] : [{ descriptor, rank }]))
    .sort((a, b) => a.rank - b.rank)
    .map(({ descriptor }) => descriptor);
}

function nameOf({ annotations }: Descriptor): string[] {
  const full = annotations?.[nameAnnotation];
  if (full !== undefined) return [full];
  // By the specification only a tag, but several tools write the whole name.
  const reference = annotations?.[referenceAnnotation];
  return reference !== undefined && /[:/]/.test(reference) ? [reference] : [];
}

function blobName(digest: string): string {
  return `blobs/${digestAlgorithm(digest)}/${encodedPart(digest)}`;
}
