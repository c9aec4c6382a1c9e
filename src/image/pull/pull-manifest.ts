/** From a tag or digest to an image that is here: picks the platform, fetches configuration and layers, and tells what describes it. */
import { fail, isFailure } from '#base/errors/failure.ts';
import { goJsonFault } from '#base/go-json.ts';
import { digestOf } from '#oci/digest.ts';
import { parseImageConfiguration, type ImageConfiguration } from '#oci/image-configuration.ts';
import { parseManifest, type Descriptor, type ImageIndex, type ImageManifest } from '#oci/manifest.ts';
import { mediaTypes } from '#oci/media-types.ts';
import { formatPlatform, hostPlatform, platformRank, type Platform } from '#oci/platform.ts';
import { canonicalName, canonicalText, type ImageReference } from '#oci/reference.ts';
import type { ImageParts } from '../image-parts.ts';
import type { LayerLease } from '../layer-keeper.ts';
import type { BlobLease } from '../manifests/content-keeper.ts';
import type { KeptDocuments, KeptManifest, LayerBlob } from '../manifests/manifest-catalog.ts';
import type { Report } from '../progress/progress-stream.ts';
import { fetchConfiguration, fetchManifest, type DocumentFetch } from './fetch-document.ts';
import { pullAttestations } from './pull-attestations.ts';
import { pullLayers } from './pull-layers.ts';
import type { RetryRule } from './patience.ts';
import type { PullSource } from './pull-source.ts';

export interface ManifestPull {
  readonly parts: ImageParts;
  readonly source: PullSource;
  readonly lease: LayerLease;
  readonly blobs: BlobLease;
  readonly reference: ImageReference;
  readonly platform: Platform | undefined;
  readonly report: Report;
  readonly signal: AbortSignal;
  readonly retry: RetryRule;
}

export interface PulledManifest {
  readonly imageId: string;
  /** Digest of what the tag stands for: the index where there is one. */
  readonly digest: string;
  /** Configuration file of an image that is new here; its layers are in place. */
  readonly configuration: Buffer | undefined;
  /** To be recorded with the image. */
  readonly documents: KeptDocuments;
}

/** Indexes within indexes. */
const deepest = 8;
const imageConfigTypes = new Set<string>([mediaTypes.dockerConfig, mediaTypes.ociConfig, 'application/octet-stream', 'application/json', 'text/html', '']);
const supportedPrefixes = ['application/vnd.oci.image.', 'application/vnd.docker.'];

/** A document with what was read from it. */
interface Document<T = ImageManifest | ImageIndex> {
  readonly content: T;
  readonly digest: string;
  readonly size: number;
}

export async function pullManifest(pull: ManifestPull): Promise<PulledManifest> {
  const { reference, report } = pull;
  const document = await fetchDocument(pull, reference.digest ?? reference.tag ?? '');
  if (document.content.kind === 'manifest' && document.content.mediaType === mediaTypes.dockerManifest) checkConfigType(document.content.config.mediaType);
  report({ status: `Pulling from ${reference.path}`, id: reference.digest === undefined ? (reference.tag ?? '') : canonicalText(reference) });
  const path = await choose(pull, document, deepest);
  const failed = new AbortController();
  const together = { ...pull, signal: AbortSignal.any([pull.signal, failed.signal]) };
  const parts = [pullImage(together, path.manifest), pullAttestations(fetchOf(together), { index: path.indexes.at(-1)?.content, manifest: path.manifest.digest })] as const;
  for (const part of parts) part.catch((error: unknown) => failed.abort(error));
  await Promise.allSettled(parts);
  pull.signal.throwIfAborted();
  if (failed.signal.aborted) throw failed.signal.reason;
  const [image, attestations] = await Promise.all(parts);
  const repositories = [canonicalName(reference)];
  const manifests: KeptManifest[] = [
    { ...describe(path.manifest, repositories), image: image.imageId },
    ...path.indexes.map((index) => describe(index, repositories)),
    ...attestations.map((manifest) => ({ ...manifest, repositories })),
  ];
  const layers = new Map<string, LayerBlob>();
  for (const [index, diffId] of image.diffIds.entries()) {
    const layer = path.manifest.content.layers[index];
    if (layer !== undefined) layers.set(diffId, { digest: layer.digest, mediaType: layer.mediaType, size: layer.size, repositories });
  }
  return { imageId: image.imageId, configuration: image.configuration, digest: document.digest, documents: { manifests, layers } };
}

function describe({ content, digest, size }: Document, repositories: readonly string[]): KeptManifest {
  const references = content.kind === 'index' ? content.manifests : [content.config, ...content.layers];
  return { digest, size, mediaType: content.mediaType, kind: content.kind, repositories, references };
}

function fetchOf({ parts, source, blobs, report, signal, retry }: ManifestPull): DocumentFetch {
  return { source, content: parts.content, blobs, report, signal, retry };
}

async function fetchDocument(pull: ManifestPull, which: string, mediaType?: string): Promise<Document> {
  const { bytes, digest, contentType } = await fetchManifest(fetchOf(pull), which);
  const text = bytes.toString('utf8');
  const fault = goJsonFault(text, 'unmarshal');
  if (fault !== undefined) throw fail('image.pull_failed', { message: fault });
  const known = pull.parts.manifests.get(digest)?.mediaType;
  try {
    const content = parseManifest(text, contentType ?? mediaType ?? known);
    checkTold(contentType, content.mediaType);
    return { content, digest, size: bytes.length };
  } catch (error) {
    if (!isFailure(error, 'image.schema1_manifest')) throw error;
    throw fail('image.schema1_manifest', { reference: canonicalText(pull.reference) }, error);
  }
}

/** The manifest for the platform, with the indexes it was found by, outermost first. */
async function choose(pull: ManifestPull, document: Document, depth: number): Promise<{ manifest: Document<ImageManifest>; indexes: Document<ImageIndex>[] }> {
  const { content } = document;
  if (content.kind === 'manifest') return { manifest: { ...document, content }, indexes: [] };
  const wanted = pull.platform ?? hostPlatform();
  const candidates = content.manifests
    .map((descriptor) => ({ descriptor, rank: isUnnamed(descriptor) ? Number.MAX_SAFE_INTEGER : platformRank(wanted, descriptor.platform ?? wanted) }))
    .flatMap(({ descriptor, rank }) => (rank === undefined ? [] : [{ descriptor, rank }]))
    .sort((a, b) => a.rank - b.rank);
  const [best] = depth > 0 ? candidates : [];
  if (best === undefined) throw fail('image.pull_failed', { message: `no matching manifest for ${formatPlatform(wanted)} in the manifest list entries` });
  const found = await choose(pull, await fetchDocument(pull, best.descriptor.digest, best.descriptor.mediaType), depth - 1);
  return { manifest: found.manifest, indexes: [{ ...document, content }, ...found.indexes] };
}

function isUnnamed({ platform }: Descriptor): boolean {
  return platform === undefined || (platform.os === '' && platform.architecture === '');
}

async function pullImage(pull: ManifestPull, { content: manifest }: Document<ImageManifest>): Promise<{ imageId: string; configuration: Buffer | undefined; diffIds: readonly string[] }> {
  const { catalog } = pull.parts;
  const known = manifest.config.digest;
  if (catalog.has(known)) {
    // Held, so that it cannot go before it has its new name.
    const { chain, configuration } = catalog.get(known);
    const there = await Promise.all(chain.map(async (chainId) => await pull.lease.hold(chainId)));
    if (there.every(Boolean)) {
      return { imageId: known, diffIds: configuration.diffIds, configuration: catalog.has(known) ? undefined : await fetchConfiguration(fetchOf(pull), manifest.config) };
    }
  }
  for (const { mediaType } of [manifest.config, ...manifest.layers]) checkMediaType(mediaType);
  const configuration = await fetchConfiguration(fetchOf(pull), manifest.config);
  const { diffIds, os } = readConfiguration(configuration.toString('utf8'));
  if (os !== '' && os.toLowerCase() !== 'linux') throw fail('image.unsupported_system', { os });
  if (diffIds.length !== manifest.layers.length) throw fail('image.pull_failed', { message: "layers from manifest don't match image configuration" });
  await pullLayers({ ...pull, layers: manifest.layers, diffIds });
  return { imageId: digestOf(configuration), configuration, diffIds };
}

/** What the registry calls a manifest must be what the manifest calls itself. */
function checkTold(contentType: string | undefined, mediaType: string): void {
  if (contentType === mediaType || (contentType !== mediaTypes.ociManifest && contentType !== mediaTypes.dockerManifest)) return;
  const condition = contentType === mediaTypes.ociManifest ? 'if present, ' : '';
  throw fail('image.pull_failed', { message: `${condition}mediaType in manifest should be '${contentType}' not '${mediaType}'` });
}

/** In Docker's words for a pull. */
function readConfiguration(text: string): ImageConfiguration {
  try {
    return parseImageConfiguration(text);
  } catch (error) {
    if (!isFailure(error, 'image.no_rootfs')) throw error;
    throw fail('image.pull_failed', { message: 'invalid rootfs in image configuration' }, error);
  }
}

function checkConfigType(mediaType: string): void {
  if (imageConfigTypes.has(mediaType)) return;
  const kind = mediaType === mediaTypes.dockerPluginConfig ? 'plugin' : 'unknown';
  throw fail('image.foreign_manifest', { mediaType, kind });
}

function checkMediaType(mediaType: string): void {
  const type = mediaType.toLowerCase();
  if (imageConfigTypes.has(type) || supportedPrefixes.some((prefix) => type.startsWith(prefix))) return;
  throw fail('image.unsupported_media_type', { mediaType });
}
