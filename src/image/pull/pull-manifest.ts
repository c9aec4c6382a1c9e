/** From a tag or digest to an image that is here: picks the platform, fetches configuration and layers. */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { fail, isFailure, messageOf } from '#base/errors/failure.ts';
import { digestAlgorithm, encodedPart } from '#oci/digest.ts';
import { largestConfiguration, parseImageConfiguration } from '#oci/image-configuration.ts';
import { parseManifest, type Descriptor, type ImageIndex, type ImageManifest } from '#oci/manifest.ts';
import { mediaTypes } from '#oci/media-types.ts';
import { formatPlatform, hostPlatform, platformRank, type Platform } from '#oci/platform.ts';
import { canonicalText, type ImageReference } from '#oci/reference.ts';
import { readAnswer } from '#registry/read-answer.ts';
import type { Repository } from '#registry/repository.ts';
import type { ImageParts } from '../image-parts.ts';
import type { LayerLease } from '../layer-keeper.ts';
import type { Report } from '../progress/progress-stream.ts';
import { isPassing } from './download-layer.ts';
import { pullLayers } from './pull-layers.ts';

export interface ManifestPull {
  readonly parts: ImageParts;
  readonly repository: Repository;
  readonly lease: LayerLease;
  readonly reference: ImageReference;
  readonly platform: Platform | undefined;
  readonly report: Report;
  readonly signal: AbortSignal;
  readonly retryUnit: number;
}

export interface PulledManifest {
  readonly imageId: string;
  /** Digest of what the tag stands for: the index where there is one. */
  readonly digest: string;
  /** Configuration file of an image that is new here; its layers are in place. */
  readonly configuration: Buffer | undefined;
}

/** Indexes within indexes. */
const deepest = 8;
const configurationAttempts = 5;
const imageConfigTypes = new Set<string>([mediaTypes.dockerConfig, mediaTypes.ociConfig, 'application/octet-stream', 'application/json', 'text/html', '']);
const supportedPrefixes = ['application/vnd.oci.image.', 'application/vnd.docker.'];

export async function pullManifest(pull: ManifestPull): Promise<PulledManifest> {
  const { reference, repository, report, signal } = pull;
  const fetched = await repository.manifest(reference.digest ?? reference.tag ?? '', signal);
  const manifest = parseFor(reference, fetched.text, fetched.contentType);
  if (manifest.kind === 'manifest' && manifest.mediaType === mediaTypes.dockerManifest) checkConfigType(manifest.config.mediaType);
  report({ status: `Pulling from ${reference.path}`, id: reference.digest === undefined ? (reference.tag ?? '') : canonicalText(reference) });
  const chosen = manifest.kind === 'index' ? await choose(pull, manifest, deepest) : manifest;
  return { ...(await pullImage(pull, chosen)), digest: fetched.digest };
}

function parseFor(reference: ImageReference, text: string, contentType: string | undefined): ImageManifest | ImageIndex {
  try {
    return parseManifest(text, contentType);
  } catch (error) {
    if (!isFailure(error, 'image.schema1_manifest')) throw error;
    throw fail('image.schema1_manifest', { reference: canonicalText(reference) }, error);
  }
}

async function choose(pull: ManifestPull, index: ImageIndex, depth: number): Promise<ImageManifest> {
  const wanted = pull.platform ?? hostPlatform();
  const candidates = index.manifests
    .map((descriptor) => ({ descriptor, rank: isUnnamed(descriptor) ? Number.MAX_SAFE_INTEGER : platformRank(wanted, descriptor.platform ?? wanted) }))
    .flatMap(({ descriptor, rank }) => (rank === undefined ? [] : [{ descriptor, rank }]))
    .sort((a, b) => a.rank - b.rank);
  for (const { descriptor } of candidates) {
    const fetched = await pull.repository.manifest(descriptor.digest, pull.signal);
    const manifest = parseFor(pull.reference, fetched.text, fetched.contentType ?? descriptor.mediaType);
    if (manifest.kind === 'manifest') return manifest;
    if (depth > 1) return await choose(pull, manifest, depth - 1);
  }
  throw fail('image.pull_failed', { message: `no matching manifest for ${formatPlatform(wanted)} in the manifest list entries` });
}

function isUnnamed({ platform }: Descriptor): boolean {
  return platform === undefined || (platform.os === '' && platform.architecture === '');
}

async function pullImage(pull: ManifestPull, manifest: ImageManifest): Promise<{ imageId: string; configuration: Buffer | undefined }> {
  const imageId = manifest.config.digest;
  if (pull.parts.catalog.has(imageId)) {
    // Held, so that it cannot go before it has its new name.
    const chain = pull.parts.catalog.get(imageId).chain;
    const there = await Promise.all(chain.map(async (chainId) => await pull.lease.hold(chainId)));
    if (there.every(Boolean)) return { imageId, configuration: pull.parts.catalog.has(imageId) ? undefined : await fetchConfiguration(pull, manifest.config) };
  }
  for (const { mediaType } of [manifest.config, ...manifest.layers]) checkMediaType(mediaType);
  const configuration = await fetchConfiguration(pull, manifest.config);
  const { diffIds, os } = parseImageConfiguration(configuration.toString('utf8'));
  if (os !== '' && os.toLowerCase() !== 'linux') throw fail('image.unsupported_system');
  if (diffIds.length !== manifest.layers.length) throw fail('image.pull_failed', { message: "layers from manifest don't match image configuration" });
  await pullLayers({ ...pull, layers: manifest.layers, diffIds });
  return { imageId, configuration };
}

async function fetchConfiguration(pull: ManifestPull, { digest }: Descriptor): Promise<Buffer> {
  for (let attempt = 1; ; attempt++) {
    let bytes: Buffer;
    try {
      const { body } = await pull.repository.blob(digest, { signal: pull.signal });
      bytes = await readAnswer(body, 'image configuration', largestConfiguration);
    } catch (error) {
      pull.signal.throwIfAborted();
      if (attempt >= configurationAttempts || !isPassing(error)) {
        throw fail('image.pull_failed', { message: `error pulling image configuration: download failed after attempts=${attempt}: ${messageOf(error)}` }, error);
      }
      await delay((pull.retryUnit / 4) * 2 ** (attempt - 1), undefined, { signal: pull.signal });
      continue;
    }
    const algorithm = digestAlgorithm(digest);
    if (createHash(algorithm).update(bytes).digest('hex') === encodedPart(digest)) return bytes;
    throw fail('image.digest_mismatch', { message: `error pulling image configuration: image config verification failed for digest ${digest}` });
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
