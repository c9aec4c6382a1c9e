/**
 * Layers and documents in the form that registries and archives have: made, kept, sent and fetched. What was made stays
 * for as long as the exchange is open, and longer where an image owns it.
 */
import { createHash } from 'node:crypto';
import { pipeline, type Readable } from 'node:stream';
import { constants, createGzip, createZstdCompress } from 'node:zlib';
import { fail, invariant } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import { digestOf } from '#oci/digest.ts';
import { largestDocument, type Descriptor } from '#oci/manifest.ts';
import { mediaTypes } from '#oci/media-types.ts';
import { platformOf } from '#oci/image-configuration.ts';
import { hostPlatform, runsOn } from '#oci/platform.ts';
import { canonicalName, repositoryOf, withDigest, type ImageReference } from '#oci/reference.ts';
import type { RegistryConfiguration } from '#registry/endpoints.ts';
import type { BlobExchange, BlobForm, KeptImage, RemoteImage } from '../contract.ts';
import type { ImageParts } from '../image-parts.ts';
import type { BlobLease } from '../manifests/content-keeper.ts';
import type { KeptManifest, LayerBlob } from '../manifests/manifest-catalog.ts';
import { dockerLayerType } from '../push/push-layer.ts';
import { openRemote, sendAll } from './remote-image.ts';

export interface ExchangeOptions {
  readonly registry: RegistryConfiguration;
}

export class StoredBlobExchange implements BlobExchange {
  readonly #parts: ImageParts;
  readonly #options: ExchangeOptions;
  readonly #lease: BlobLease;
  readonly #layers = new Map<string, Promise<Descriptor>>();

  constructor(parts: ImageParts, options: ExchangeOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#lease = parts.blobs.lease();
  }

  layer(chainId: string, form: BlobForm, signal: AbortSignal): Promise<Descriptor> {
    const key = JSON.stringify([chainId, form]);
    let layer = this.#layers.get(key);
    if (layer === undefined) {
      layer = this.#layer(chainId, form, signal);
      layer.catch(() => this.#layers.delete(key));
      this.#layers.set(key, layer);
    }
    return layer;
  }

  async document(bytes: Buffer, mediaType: string): Promise<Descriptor> {
    const digest = digestOf(bytes);
    this.#lease.hold(digest);
    await this.#parts.content.put(bytes, digest);
    return { mediaType, digest, size: bytes.length };
  }

  async blob(bytes: AsyncIterable<Uint8Array>, mediaType: string, signal: AbortSignal, expected?: string): Promise<Descriptor> {
    const { content } = this.#parts;
    await using writer = await content.upload(newIdentifier().slice(0, 24), { signal });
    const hash = createHash('sha256');
    let size = 0;
    try {
      for await (const chunk of bytes) {
        signal.throwIfAborted();
        hash.update(chunk);
        size += chunk.length;
        await writer.write(chunk);
      }
      const digest = `sha256:${hash.digest('hex')}`;
      if (expected !== undefined && expected !== digest) throw fail('layer.digest_mismatch', { expected, actual: digest });
      this.#lease.hold(digest);
      await writer.commit(digest);
      return { mediaType, digest, size };
    } catch (error) {
      await writer.discard();
      throw error;
    }
  }

  blobsOf(imageId: string): string[] {
    return this.#parts.manifests.ofImage(imageId).flatMap(({ references }) => references.map(({ digest }) => digest));
  }

  has(digest: string): boolean {
    return this.#lease.hold(digest);
  }

  read(digest: string, signal: AbortSignal): Readable {
    return this.#parts.content.read(digest, { signal });
  }

  async readDocument(digest: string): Promise<Buffer> {
    return await this.#parts.content.readWhole(digest, largestDocument);
  }

  async push(reference: ImageReference, root: Descriptor, target: { authorization: string; byDigest: boolean; signal: AbortSignal }): Promise<void> {
    await sendAll(this.#parts, { reference, root, registry: this.#options.registry, ...target });
  }

  async remote(reference: ImageReference, { authorization, signal }: { authorization: string; signal: AbortSignal }): Promise<RemoteImage> {
    return await openRemote(reference, { authorization, signal, registry: this.#options.registry, userAgent: `docker/${this.#parts.engineVersion}` });
  }

  async keep({ images, root, names, pushed }: { images: readonly KeptImage[]; root: Descriptor; names: readonly ImageReference[]; pushed: readonly ImageReference[] }): Promise<string[]> {
    const { catalog, manifests, settlement } = this.#parts;
    const repositories = [...new Set(pushed.map((name) => canonicalName(name)))];
    await settlement.files();
    const ids = await catalog.add(images.map(({ configuration }) => ({ configuration })));
    const documents: KeptManifest[] = [];
    const layers = new Map<string, LayerBlob>();
    for (const [index, { manifest, references, diffIds }] of images.entries()) {
      documents.push({ ...manifest, kind: 'manifest', image: ids[index] ?? '', repositories, references });
      for (const [place, diffId] of diffIds.entries()) {
        const layer = references[place + 1];
        if (layer !== undefined) layers.set(diffId, { digest: layer.digest, mediaType: layer.mediaType, size: layer.size, repositories });
      }
    }
    if (!images.some(({ manifest }) => manifest.digest === root.digest)) documents.push(...(await this.#index(root, { documents, repositories })));
    // A name means the image that runs here, as after a pull.
    const named = ids.find((id) => runsOn(hostPlatform(), platformOf(catalog.get(id).configuration))) ?? ids[0] ?? '';
    catalog.addNames(named, [...pushed.map((name) => withDigest(repositoryOf(name), root.digest)), ...names], root.digest, () => manifests.record({ manifests: documents, layers }));
    await settlement.rows();
    return ids;
  }

  [Symbol.dispose](): void {
    this.#lease[Symbol.dispose]();
  }

  /** The index and those of its parts that are no images. */
  async #index(root: Descriptor, { documents, repositories }: { documents: readonly KeptManifest[]; repositories: readonly string[] }): Promise<KeptManifest[]> {
    const read = async ({ digest }: Descriptor): Promise<{ manifests?: Descriptor[]; config?: Descriptor; layers?: Descriptor[] }> => JSON.parse((await this.readDocument(digest)).toString('utf8')) as { manifests?: Descriptor[] };
    const { manifests: references = [] } = await read(root);
    const others = references.filter(({ digest }) => !documents.some((document) => document.digest === digest));
    const kept = await Promise.all(others.map(async (other): Promise<KeptManifest> => {
      const { config, layers = [] } = await read(other);
      invariant(config !== undefined, `manifest ${other.digest} has no configuration`);
      return { digest: other.digest, mediaType: other.mediaType, size: other.size, kind: 'manifest', repositories, references: [config, ...layers] };
    }));
    return [...kept, { digest: root.digest, mediaType: root.mediaType, size: root.size, kind: 'index', repositories, references }];
  }

  async #layer(chainId: string, form: BlobForm, signal: AbortSignal): Promise<Descriptor> {
    const { layers, manifests } = this.#parts;
    const layer = layers.get(chainId);
    if (layer === undefined) throw fail('layer.not_found', { chainId });
    const kept = manifests.layerBlob(layer.diffId);
    if (kept !== undefined && form.reuse?.includes(kept.digest) !== false && this.#lease.hold(kept.digest) && (!form.force || compressionOf(kept.mediaType) === form.compression)) {
      return { mediaType: typeOf(compressionOf(kept.mediaType), form.oci), digest: kept.digest, size: kept.size };
    }
    const mediaType = typeOf(form.compression, form.oci);
    if (form.compression === 'uncompressed') return await this.blob(await layers.tarStream(chainId, { signal }), mediaType, signal);
    if (form.compression === 'gzip' && form.level === undefined && !form.steady) return await this.blob(layers.gzipStream(chainId, { signal }).bytes, mediaType, signal);
    const archive = await layers.tarStream(chainId, { signal });
    const compressor = form.compression === 'zstd'
      ? createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: form.level ?? 3 } })
      : createGzip({ level: form.level ?? constants.Z_DEFAULT_COMPRESSION });
    // What breaks is told to who reads the other end.
    pipeline(archive, compressor, () => undefined);
    return await this.blob(compressor as AsyncIterable<Buffer>, mediaType, signal);
  }
}

export function compressionOf(mediaType: string): BlobForm['compression'] {
  if (mediaType.endsWith('zstd')) return 'zstd';
  return mediaType.endsWith('gzip') ? 'gzip' : 'uncompressed';
}

function typeOf(compression: BlobForm['compression'], oci: boolean): string {
  // Docker's own types know no zstd.
  if (compression === 'zstd') return `${mediaTypes.ociLayer}+zstd`;
  if (compression === 'gzip') return oci ? `${mediaTypes.ociLayer}+gzip` : dockerLayerType;
  return oci ? mediaTypes.ociLayer : 'application/vnd.docker.image.rootfs.diff.tar';
}
