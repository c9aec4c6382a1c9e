/** The cache of a build for others: in an image of a registry, in a directory of the client, or in the built image itself. */
import { fail, messageOf } from '#base/errors/failure.ts';
import { parseGoBoolean } from '#base/go-boolean.ts';
import type { BlobExchange, BlobForm, ImageStore } from '#image/contract.ts';
import type { Descriptor } from '#oci/manifest.ts';
import { mediaTypes } from '#oci/media-types.ts';
import { parseReference, withDefaultTag } from '#oci/reference.ts';
import type { BuildCache } from '../build-cache.ts';
import type { BuildExporter } from '../contract.ts';
import { beginStep, type ExportParts } from '../export/export-parts.ts';
import { written } from '../export/pack-images.ts';
import { authorizationFor } from '../registry-authorization.ts';
import type { SolvedImage } from '../solve-build.ts';
import type { SolveOptions } from '../solve-options.ts';
import type { StepOutcome } from '../step-facts.ts';
import { cacheConfigType, inlineKey, writeCacheConfig, type CachedLayer, type ExportedStep } from './cache-config.ts';

const known = ['inline', 'local', 'registry'];
const compressions: ReadonlySet<string> = new Set(['gzip', 'zstd', 'uncompressed']);

export interface CacheParts extends ExportParts {
  readonly cache: BuildCache;
  readonly outcomes: readonly StepOutcome[];
}

/** @throws build.solve_failed before anything is built */
export function checkCacheExports(exports: readonly BuildExporter[]): void {
  for (const { type, attributes } of exports) {
    if (!known.includes(type)) throw fail('build.solve_failed', { message: `unknown cache exporter: ${JSON.stringify(type)}` });
    if (type === 'registry' && (attributes['ref'] ?? '') === '') throw fail('build.solve_failed', { message: 'failed to configure registry cache exporter: ref is required for registry cache exporter' });
    const { compression = 'gzip' } = attributes;
    if (!compressions.has(compression)) throw fail('build.solve_failed', { message: `failed to configure ${type} cache exporter: unsupported compression type ${compression}` });
  }
}

/** The steps whose layers are in an image; all of them for `max`. */
function stepsOf(mode: string, images: readonly SolvedImage[], { cache, outcomes, images: store }: CacheParts): ExportedStep[] {
  const inImages = new Set(images.flatMap(({ top }) => (top === undefined ? [] : store.layerChain(top))));
  // In whatever order they ended, the same steps are the same document.
  return outcomes.toSorted((a, b) => (a.key < b.key ? -1 : 1)).flatMap(({ key }) => {
    const record = cache.get(key);
    // A step that left no layer of its own leads to the one below.
    if (record === undefined || store.layerChain(record.chainId).length === 0) return [];
    return mode === 'max' || inImages.has(record.chainId) ? [{ key, chainId: record.chainId, created: record.created }] : [];
  });
}

/** As older clients do it, by a build argument. */
export function asksForInlineCache({ buildArguments }: SolveOptions): boolean {
  return isTrue(buildArguments.get('BUILDKIT_INLINE_CACHE'));
}

/** The image with the cache of its own steps in its configuration. */
export function withInlineCache(image: SolvedImage, parts: CacheParts): SolvedImage {
  const { images: store } = parts;
  const { top } = image;
  if (top === undefined) return image;
  const chain = store.layerChain(top).toReversed();
  const diffIds = store.diffIds(top);
  const layers = new Map(chain.map((chainId, place): [string, CachedLayer] => [chainId, { blob: { digest: diffIds[place] ?? '', mediaType: mediaTypes.ociLayer, size: 0 }, parent: place - 1, diffId: diffIds[place] ?? '' }]));
  const config = writeCacheConfig(layers, stepsOf('min', [image], parts));
  const document = JSON.parse(image.configuration.toString('utf8')) as object;
  return { ...image, configuration: Buffer.from(JSON.stringify({ ...document, [inlineKey]: config.toString('base64') })) };
}

/** Answers what the client is told. @throws build.solve_failed unless errors are to be ignored */
export async function exportCache({ type, attributes }: BuildExporter, images: readonly SolvedImage[], parts: CacheParts): Promise<Record<string, string>> {
  const { progress, signal } = parts;
  const vertex = beginStep(type === 'local' ? 'exporting cache to client directory' : 'exporting cache to registry', parts);
  const preparing = progress.part(vertex, 'preparing build cache for export');
  try {
    using exchange = parts.images.exchange();
    const root = await packCache(attributes, images, { exchange, parts });
    preparing({ done: true });
    const writing = progress.part(vertex, `writing cache image manifest ${root.digest}`);
    if (type === 'local') await giveToClient(root, attributes['dest'] ?? '', { exchange, parts });
    else {
      const reference = withDefaultTag(parseReference(attributes['ref'] ?? ''));
      await exchange.push(reference, root, { authorization: await authorizationFor(reference, parts.session, signal), byDigest: false, signal });
    }
    writing({ done: true });
    progress.complete(vertex);
    return { 'cache.manifest': JSON.stringify(written(root)) };
  } catch (error) {
    signal.throwIfAborted();
    const message = `error writing cache: ${messageOf(error)}`;
    progress.complete(vertex, { error: message });
    if (isTrue(attributes['ignore-error'])) return {};
    throw fail('build.solve_failed', { message, vertex }, error);
  }
}

async function packCache(attributes: Readonly<Record<string, string>>, images: readonly SolvedImage[], { exchange, parts }: { exchange: BlobExchange; parts: CacheParts }): Promise<Descriptor> {
  const { images: store, signal } = parts;
  const steps = stepsOf(attributes['mode'] ?? 'min', images, parts);
  const oci = attributes['oci-mediatypes'] === undefined || isTrue(attributes['oci-mediatypes']);
  const asImage = oci && (attributes['image-manifest'] === undefined || isTrue(attributes['image-manifest']));
  const level = attributes['compression-level'];
  const { compression } = attributes;
  const form: BlobForm = {
    compression: compression === 'zstd' || compression === 'uncompressed' ? compression : 'gzip', level: level === undefined ? undefined : Number(level), force: isTrue(attributes['force-compression']), steady: false, reuse: undefined, oci,
  };
  const layers = await layersOf(steps, { store, exchange, form, signal });
  const config = await exchange.document(writeCacheConfig(layers, steps), cacheConfigType);
  const blobs = [...new Map([...layers.values()].map(({ blob }) => [blob.digest, written(blob)])).values()];
  const mediaType = asImage ? mediaTypes.ociManifest : oci ? mediaTypes.ociIndex : mediaTypes.dockerManifestList;
  const document = asImage ? { schemaVersion: 2, mediaType, config: written(config), layers: blobs } : { schemaVersion: 2, mediaType, manifests: [...blobs, written(config)] };
  return await exchange.document(Buffer.from(JSON.stringify(document, undefined, 2)), mediaType);
}

/** All layers that the steps lead to with those below, each after the one below it. */
async function layersOf(steps: readonly ExportedStep[], { store, exchange, form, signal }: { store: ImageStore; exchange: BlobExchange; form: BlobForm; signal: AbortSignal }): Promise<Map<string, CachedLayer>> {
  const layers = new Map<string, CachedLayer>();
  const places = new Map<string, number>();
  for (const { chainId } of steps) {
    const chain = store.layerChain(chainId).toReversed();
    const diffIds = store.diffIds(chainId);
    for (const [index, layer] of chain.entries()) {
      if (places.has(layer)) continue;
      places.set(layer, places.size);
      const below = chain[index - 1];
      layers.set(layer, { blob: await exchange.layer(layer, form, signal), parent: below === undefined ? -1 : (places.get(below) ?? -1), diffId: diffIds[index] ?? '' });
    }
  }
  return layers;
}

async function giveToClient(root: Descriptor, path: string, { exchange, parts: { session, signal } }: { exchange: BlobExchange; parts: CacheParts }): Promise<void> {
  if (session === undefined || path === '') throw fail('build.session_failed', { message: 'local cache exporter requires a directory of the client' });
  const store = session.store(`local:${path}`);
  const { config, layers = [], manifests = [] } = JSON.parse((await exchange.readDocument(root.digest)).toString('utf8')) as { config?: Descriptor; layers?: Descriptor[]; manifests?: Descriptor[] };
  for (const { digest, size } of [...layers, ...manifests, ...(config === undefined ? [] : [config]), root]) {
    if (!(await store.has(digest, signal))) await store.write(digest, size, exchange.read(digest, signal) as AsyncIterable<Buffer>, signal);
  }
}

function isTrue(text: string | undefined): boolean {
  return text !== undefined && parseGoBoolean(text) === true;
}
