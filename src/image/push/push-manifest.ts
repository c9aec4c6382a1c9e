/** Brings the manifest of an image into a repository, as it was received where that can be, else made anew; or a whole index. */
import { EngineError, invariant } from '#base/errors/failure.ts';
import { digestOf } from '#oci/digest.ts';
import { largestConfiguration, parseImageConfiguration } from '#oci/image-configuration.ts';
import { largestDocument, type Descriptor } from '#oci/manifest.ts';
import { mediaTypes } from '#oci/media-types.ts';
import { canonicalName, parseReference } from '#oci/reference.ts';
import { beginUpload } from '#registry/blob-upload.ts';
import type { KeptManifest, LayerBlob } from '../manifests/manifest-catalog.ts';
import { pushDocument } from './push-blob.ts';
import { dockerLayerType, pushLayer, type LayerToPush } from './push-layer.ts';
import { patiently, reportState, type KnownRemote, type PushSession } from './push-session.ts';

export interface PushedDocument {
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  /** Facts to record. */
  readonly manifests: readonly KeptManifest[];
  readonly layers: ReadonlyMap<string, LayerBlob>;
}

const gzipTypes: ReadonlySet<string> = new Set([dockerLayerType, `${mediaTypes.ociLayer}+gzip`]);

/** Pushes an index with all it names. */
export async function pushIndex(push: PushSession, index: KeptManifest, options: { reference: string; known: KnownRemote }): Promise<PushedDocument> {
  const manifests: KeptManifest[] = [];
  const layers = new Map<string, LayerBlob>();
  for (const { digest } of index.references) {
    const part = push.parts.manifests.get(digest);
    invariant(part !== undefined, `part ${digest} of an index was there a moment ago`);
    const pushed = part.kind === 'index' ? await pushIndex(push, part, { ...options, reference: digest }) : await pushOriginal(push, part, { ...options, reference: digest });
    manifests.push(...pushed.manifests);
    for (const [diffId, layer] of pushed.layers) layers.set(diffId, layer);
  }
  await putKept(push, index, options.reference);
  return { digest: index.digest, size: index.size, manifests: [...manifests, withRepository(push, index)], layers };
}

/** Pushes a manifest as it is; all it names must be here or in the repository already. */
export async function pushOriginal(push: PushSession, manifest: KeptManifest, { reference, known }: { reference: string; known: KnownRemote }): Promise<PushedDocument> {
  const { parts } = push;
  const [config, ...descriptors] = manifest.references;
  invariant(config !== undefined, `manifest ${manifest.digest} has no configuration`);
  const diffIds = await diffIdsOf(push, manifest, config, descriptors.length);
  const chain = manifest.image !== undefined && parts.catalog.has(manifest.image) ? parts.catalog.get(manifest.image).chain : [];
  await pushLayers(push, descriptors.map((descriptor, place) => {
    const kept = parts.manifests.layerBlob(diffIds[place] ?? '');
    const elsewhere = kept?.digest === descriptor.digest ? kept.repositories : [];
    return { shown: diffIds[place] ?? descriptor.digest, chainId: chain[place], blob: { ...descriptor, repositories: [...new Set([...elsewhere, ...manifest.repositories])] } };
  }), known);
  if (parts.content.stat(config.digest) !== undefined) {
    const bytes = await parts.content.readWhole(config.digest, largestConfiguration);
    await patiently(push, async () => await pushDocument(push, config.digest, bytes));
  }
  await putKept(push, manifest, reference);
  const repositories = [canonicalName(push.name)];
  const layers = new Map(descriptors.flatMap((descriptor, place) => {
    const diffId = diffIds[place];
    return diffId === undefined ? [] : [[diffId, { digest: descriptor.digest, mediaType: descriptor.mediaType, size: descriptor.size, repositories }] as const];
  }));
  return { digest: manifest.digest, size: manifest.size, manifests: [withRepository(push, manifest)], layers };
}

/** Pushes an image by a manifest of Docker's, version 2 schema 2, made of what its layers become. */
export async function pushBuilt(push: PushSession, id: string, { reference, known }: { reference: string; known: KnownRemote }): Promise<PushedDocument> {
  const { parts, repository, signal, blobs } = push;
  const { configuration, chain } = parts.catalog.get(id);
  const { diffIds } = configuration;
  const configBytes = await parts.catalog.configurationBytes(id);
  const pushed = await pushLayers(push, diffIds.map((diffId, place) => {
    const kept = parts.manifests.layerBlob(diffId);
    return { shown: diffId, chainId: chain[place], blob: kept === undefined || !gzipTypes.has(kept.mediaType) ? undefined : { ...kept, mediaType: dockerLayerType } };
  }), known);
  await patiently(push, async () => await pushDocument(push, id, configBytes));
  const config = { mediaType: mediaTypes.dockerConfig, size: configBytes.length, digest: id };
  const layers = pushed.map(({ mediaType, size, digest }) => ({ mediaType, size, digest }));
  // Docker's own layout, so that the same image is the same manifest.
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.dockerManifest, config, layers }, null, 3));
  await patiently(push, async () => await repository.putManifest(reference, { bytes, mediaType: mediaTypes.dockerManifest }, signal));
  const digest = digestOf(bytes);
  blobs.hold(digest);
  blobs.hold(id);
  await parts.content.put(bytes, digest);
  await parts.content.put(configBytes, id);
  const repositories = [canonicalName(push.name)];
  const manifest: KeptManifest = { digest, mediaType: mediaTypes.dockerManifest, size: bytes.length, kind: 'manifest', image: id, repositories, references: [config, ...layers] };
  return { digest, size: bytes.length, manifests: [manifest], layers: new Map(layers.map((layer, place) => [diffIds[place] ?? '', { ...layer, repositories }])) };
}

/** Whether a manifest can be pushed as it is: each of its layers is here, or there, if need be by a mount from where the manifest came from. */
export async function isPushable(push: PushSession, manifest: KeptManifest): Promise<boolean> {
  const { parts, repository, signal } = push;
  if (parts.content.stat(manifest.digest) === undefined) return false;
  for (const { digest } of manifest.references) {
    if (parts.content.stat(digest) !== undefined) continue;
    try {
      if ((await repository.blobSize(digest, signal)) === undefined && !(await mountFromOrigin(push, manifest, digest))) return false;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof EngineError) return false;
      throw error;
    }
  }
  return true;
}

/** An image that shared a layer with one that was here has it unpacked, not as the registry's blob; the registry may have it elsewhere. */
async function mountFromOrigin({ repository, name, signal }: PushSession, manifest: KeptManifest, digest: string): Promise<boolean> {
  const origin = manifest.repositories.filter((candidate) => candidate !== canonicalName(name)).map(parseReference).findLast(({ domain }) => domain === name.domain);
  if (origin === undefined) return false;
  const upload = await beginUpload(repository, { mount: { digest, repository: origin.path }, signal });
  await upload?.cancel(signal);
  return upload === undefined;
}

/** In order; the same layer is sent once. The first failure ends the others. */
async function pushLayers(push: PushSession, layers: readonly LayerToPush[], known: KnownRemote): Promise<Descriptor[]> {
  const failed = new AbortController();
  const inner: PushSession = { ...push, signal: AbortSignal.any([push.signal, failed.signal]) };
  const byLayer = new Map<string, Promise<Descriptor>>();
  for (const { shown } of layers.toReversed()) reportState(push, shown, 'Preparing');
  for (const layer of layers.toReversed()) {
    const key = layer.blob?.digest ?? layer.shown;
    if (byLayer.has(key)) continue;
    const pushing = pushLayer(inner, layer, known);
    pushing.catch((error: unknown) => failed.abort(error));
    byLayer.set(key, pushing);
  }
  await Promise.allSettled(byLayer.values());
  push.signal.throwIfAborted();
  if (failed.signal.aborted) throw failed.signal.reason;
  const descriptors: Descriptor[] = [];
  for (const layer of layers) {
    const descriptor = await byLayer.get(layer.blob?.digest ?? layer.shown);
    if (descriptor !== undefined) descriptors.push(descriptor);
  }
  return descriptors;
}

async function putKept(push: PushSession, { digest, mediaType }: KeptManifest, reference: string): Promise<void> {
  const { parts, repository, signal, blobs } = push;
  blobs.hold(digest);
  const bytes = await parts.content.readWhole(digest, largestDocument);
  await patiently(push, async () => await repository.putManifest(reference, { bytes, mediaType }, signal));
}

/** What a manifest's layers are unpacked; nothing when it is no image's. */
async function diffIdsOf(push: PushSession, manifest: KeptManifest, config: Descriptor, count: number): Promise<readonly string[]> {
  const { parts } = push;
  if (manifest.image !== undefined && parts.catalog.has(manifest.image)) return parts.catalog.get(manifest.image).configuration.diffIds;
  if (parts.content.stat(config.digest) === undefined) return [];
  try {
    const { diffIds } = parseImageConfiguration((await parts.content.readWhole(config.digest, largestConfiguration)).toString('utf8'));
    return diffIds.length === count ? diffIds : [];
  } catch (error) {
    // An attestation's is none.
    if (error instanceof EngineError && error.code.startsWith('image.')) return [];
    throw error;
  }
}

function withRepository(push: PushSession, manifest: KeptManifest): KeptManifest {
  return { ...manifest, repositories: [canonicalName(push.name)] };
}
