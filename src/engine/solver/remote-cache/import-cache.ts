/** Caches of other builds: from images of registries or of this store, and directories of the client. What they have is fetched when a step asks for it. */
import { Readable } from 'node:stream';
import { readFile } from 'node:fs/promises';
import { fail, isFailure, messageOf } from '#base/errors/failure.ts';
import type { BlobExchange, ImageStore } from '#image/contract.ts';
import type { LayerLease } from '#image/layer-keeper.ts';
import { chainIdOver } from '#oci/chain-id.ts';
import type { Descriptor } from '#oci/manifest.ts';
import { mediaTypes } from '#oci/media-types.ts';
import { familiarText, parseReference, withDefaultTag } from '#oci/reference.ts';
import { buildNode } from '../build-node.ts';
import type { BuildProgress } from '../build-progress.ts';
import type { BuildSession } from '../build-session.ts';
import { authorizationFor } from '../registry-authorization.ts';
import { cacheConfigType, inlineKey, readCacheConfig, type CacheConfig } from './cache-config.ts';

export interface CacheSource {
  readonly type: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface ImportParts {
  readonly images: ImageStore;
  readonly session: BuildSession | undefined;
  readonly progress: BuildProgress;
  readonly signal: AbortSignal;
}

/** What a source holds. */
interface ImportedCache {
  readonly config: CacheConfig;
  /** Undefined: all layers are here. */
  readonly blob: ((digest: string) => Promise<AsyncIterable<Buffer>>) | undefined;
}

export interface FoundLayer {
  readonly chainId: string;
  readonly base: string | undefined;
  /** RFC 3339. */
  readonly created: string | undefined;
}

/** Of the attributes `cache-imports` and, as older clients have it, `cache-from`. */
export function readCacheSources(attributes: Readonly<Record<string, string>>): CacheSource[] {
  const { 'cache-imports': listed, 'cache-from': names } = attributes;
  if (listed !== undefined && listed !== '') {
    const entries = JSON.parse(listed) as { Type?: string; Attrs?: Record<string, string> }[];
    return entries.map(({ Type = '', Attrs = {} }) => ({ type: Type, attributes: Attrs }));
  }
  return (names ?? '').split(',').filter((name) => name !== '').map((ref) => ({ type: 'registry', attributes: { ref } }));
}

/** The caches of one build. */
export class ImportedCaches implements AsyncDisposable {
  readonly #parts: ImportParts;
  readonly #exchange: BlobExchange;
  readonly #opened = new DisposableStack();
  readonly #caches: Promise<readonly ImportedCache[]>;

  constructor(sources: readonly CacheSource[], parts: ImportParts) {
    this.#parts = parts;
    this.#exchange = this.#opened.use(parts.images.exchange());
    this.#caches = Promise.all(sources.map(async (source) => await this.#open(source))).then((caches) => caches.filter((cache) => cache !== undefined));
    this.#caches.catch(() => undefined);
  }

  /** The layer that a key leads to, made here and held by the lease. What cannot be fetched counts as not there. */
  async find(key: string, lease: LayerLease): Promise<FoundLayer | undefined> {
    for (const cache of await this.#caches) {
      const step = cache.config.steps.get(key);
      if (step === undefined) continue;
      try {
        const found = await this.#make(cache, step.layer, lease);
        if (found !== undefined) return { ...found, created: step.created };
      } catch (error) {
        this.#parts.signal.throwIfAborted();
        this.#warn(error);
      }
    }
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([this.#caches]);
    this.#opened[Symbol.dispose]();
  }

  #warn(error: unknown): void {
    const name = '[internal] fetching from imported cache';
    const { digest } = buildNode({ kind: 'scratch', name, inputs: [] });
    this.#parts.progress.declare([{ digest, name, inputs: [] }]);
    this.#parts.progress.complete(digest, { error: messageOf(error) });
  }

  /** A layer with all below it. */
  async #make({ config: { layers }, blob }: ImportedCache, place: number, lease: LayerLease): Promise<Omit<FoundLayer, 'created'> | undefined> {
    const chain: number[] = [];
    for (let next = place; next >= 0; next = layers[next]?.parent ?? -1) {
      // A document from elsewhere may say anything.
      if (layers[next] === undefined || chain.includes(next)) return undefined;
      chain.unshift(next);
    }
    let base: string | undefined;
    let top: string | undefined;
    for (const index of chain) {
      const layer = layers[index];
      if (layer === undefined) return undefined;
      const chainId = chainIdOver(top, layer.diffId);
      base = top;
      top = chainId;
      if (await lease.hold(chainId)) continue;
      if (blob === undefined) return undefined;
      const bytes = await blob(layer.blob.digest);
      const made = await lease.apply(base, Readable.from(bytes, { objectMode: false }), { signal: this.#parts.signal, expectedDiffId: layer.diffId });
      top = made.chainId;
    }
    return top === undefined ? undefined : { chainId: top, base };
  }

  async #open(source: CacheSource): Promise<ImportedCache | undefined> {
    const { progress, signal } = this.#parts;
    const { ref = '', src = '', digest: pinned = '' } = source.attributes;
    const shown = source.type === 'registry' ? ref : source.type === 'local' ? `local:${pinned === '' ? src : pinned}` : source.type;
    const name = `importing cache manifest from ${shown}`;
    const { digest } = buildNode({ kind: 'scratch', name, inputs: [] });
    progress.declare([{ digest, name, inputs: [] }]);
    progress.start(digest);
    try {
      const cache = await this.#read(source);
      progress.complete(digest);
      return cache;
    } catch (error) {
      signal.throwIfAborted();
      progress.complete(digest, { error: messageOf(error) });
      return undefined;
    }
  }

  async #read({ type, attributes }: CacheSource): Promise<ImportedCache | undefined> {
    const { session, signal } = this.#parts;
    if (type === 'registry') return await this.#fromRegistry(attributes['ref'] ?? '');
    if (type !== 'local') throw fail('build.solve_failed', { message: `unknown cache importer: ${type}` });
    const { digest = '', src = '' } = attributes;
    if (digest === '') throw fail('build.solve_failed', { message: 'local cache importer requires explicit digest' });
    if (session === undefined) throw fail('build.session_failed', { message: 'local cache importer requires a directory of the client' });
    const store = session.store(`local:${src}`);
    const blob = async (wanted: string): Promise<AsyncIterable<Buffer>> => await Promise.resolve(store.read(wanted, signal));
    const whole = async (wanted: string): Promise<Buffer> => await this.#document(await blob(wanted), wanted);
    return await this.#fromDocument(await whole(digest), { whole, blob });
  }

  async #fromRegistry(text: string): Promise<ImportedCache | undefined> {
    const { session, signal } = this.#parts;
    const reference = withDefaultTag(parseReference(text));
    const local = await this.#local(familiarText(reference));
    if (local !== undefined) return local;
    try {
      const remote = this.#opened.use(await this.#exchange.remote(reference, { authorization: await authorizationFor(reference, session, signal), signal }));
      const blob = async (digest: string): Promise<AsyncIterable<Buffer>> => (await remote.blob(digest)) as AsyncIterable<Buffer>;
      const whole = async (digest: string): Promise<Buffer> => await this.#document(await blob(digest), digest);
      return await this.#fromDocument(remote.root, { whole, blob, manifest: async (digest) => await remote.document(digest) });
    } catch (error) {
      signal.throwIfAborted();
      throw fail('build.solve_failed', { message: `failed to configure registry cache importer: ${messageOf(error)}` }, error);
    }
  }

  /** An image of this store that brings its cache with it. */
  async #local(name: string): Promise<ImportedCache | undefined> {
    const { images } = this.#parts;
    try {
      const image = images.resolve(name);
      const inline = inlineOf(await readFile(images.configurationPath(image.id), 'utf8'), []);
      return inline === undefined ? undefined : { config: inline, blob: undefined };
    } catch (error) {
      if (isFailure(error, 'image.not_found')) return undefined;
      throw error;
    }
  }

  async #fromDocument(bytes: Buffer, from: { whole: (digest: string) => Promise<Buffer>; blob: (digest: string) => Promise<AsyncIterable<Buffer>>; manifest?: (digest: string) => Promise<Buffer> }): Promise<ImportedCache | undefined> {
    const { config, layers = [], manifests = [] } = JSON.parse(bytes.toString('utf8')) as { config?: Descriptor; layers?: Descriptor[]; manifests?: Descriptor[] };
    const listed = [...layers, ...manifests];
    const own = config?.mediaType === cacheConfigType ? config : manifests.find(({ mediaType }) => mediaType === cacheConfigType);
    if (own !== undefined) return { config: readCacheConfig((await from.whole(own.digest)).toString('utf8'), new Map(listed.map((blob) => [blob.digest, blob]))), blob: from.blob };
    if (config !== undefined) {
      const inline = inlineOf((await from.whole(config.digest)).toString('utf8'), layers);
      return inline === undefined ? undefined : { config: inline, blob: from.blob };
    }
    // An index of images: that of one platform after the other, until one has a cache.
    for (const { digest, mediaType, platform } of manifests) {
      if (platform?.os === 'unknown' || (mediaType !== mediaTypes.ociManifest && mediaType !== mediaTypes.dockerManifest)) continue;
      const found = await this.#fromDocument(await (from.manifest ?? from.whole)(digest), from);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** A small blob, verified. */
  async #document(bytes: AsyncIterable<Buffer>, digest: string): Promise<Buffer> {
    await this.#exchange.blob(bytes, 'application/json', this.#parts.signal, digest);
    return await this.#exchange.readDocument(digest);
  }
}

/** The cache in an image's configuration. Layers are counted from the bottom, whatever their blobs are called. */
function inlineOf(text: string, layers: readonly Descriptor[]): CacheConfig | undefined {
  const document = JSON.parse(text) as { [inlineKey]?: string; rootfs?: { diff_ids?: string[] } };
  const inline = document[inlineKey];
  if (typeof inline !== 'string') return undefined;
  const { steps } = readCacheConfig(Buffer.from(inline, 'base64').toString('utf8'), new Map());
  const diffIds = document.rootfs?.diff_ids ?? [];
  return { steps, layers: diffIds.map((diffId, place) => ({ blob: layers[place] ?? { digest: diffId, mediaType: '', size: 0 }, parent: place - 1, diffId })) };
}
