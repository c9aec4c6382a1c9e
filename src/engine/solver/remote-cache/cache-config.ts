/**
 * The cache of builds as a document beside its layers (moby/buildkit, cache/remotecache/v1): which key leads to which layer.
 * Keys are this solver's own; those of others lead nowhere here, as ours do there.
 */
import type { Descriptor } from '#oci/manifest.ts';

export const cacheConfigType = 'application/vnd.buildkit.cacheconfig.v0';
/** Where the configuration of an image has it, in base64. */
export const inlineKey = 'moby.buildkit.cache.v0';

interface WrittenLayer {
  readonly blob: string;
  readonly parent: number;
  readonly annotations?: { readonly mediaType?: string; readonly diffID?: string; readonly size?: number };
}

interface WrittenConfig {
  readonly layers?: readonly WrittenLayer[] | null;
  readonly records?: readonly { readonly digest: string; readonly layers?: readonly { readonly layer: number; readonly createdAt?: string }[] | null }[] | null;
}

/** A key with the layer it leads to. */
export interface ExportedStep {
  readonly key: string;
  readonly chainId: string;
  /** RFC 3339. */
  readonly created: string;
}

/** A layer of an exported cache. */
export interface CachedLayer {
  readonly blob: Descriptor;
  /** Its place among the layers; -1: none lies below. */
  readonly parent: number;
  readonly diffId: string;
}

export interface CachedStep {
  /** Its place among the layers. */
  readonly layer: number;
  readonly created: string | undefined;
}

export interface CacheConfig {
  readonly layers: readonly CachedLayer[];
  readonly steps: ReadonlyMap<string, CachedStep>;
}

/** @param layers by chain id, in an order in which each comes after the one below */
export function writeCacheConfig(layers: ReadonlyMap<string, CachedLayer>, steps: readonly ExportedStep[]): Buffer {
  const places = new Map([...layers.keys()].map((chainId, place) => [chainId, place]));
  const document: WrittenConfig = {
    layers: [...layers.values()].map(({ blob: { digest, mediaType, size }, parent, diffId }) => ({ blob: digest, parent, annotations: { mediaType, diffID: diffId, size } })),
    records: steps.flatMap(({ key, chainId, created }) => {
      const layer = places.get(chainId);
      return layer === undefined ? [] : [{ digest: key, layers: [{ layer, createdAt: created }] }];
    }),
  };
  return Buffer.from(JSON.stringify(document));
}

/** @param blobs descriptors by digest, of the manifest that the document came with. @throws SyntaxError where it is no such document */
export function readCacheConfig(text: string, blobs: ReadonlyMap<string, Descriptor>): CacheConfig {
  const { layers, records } = JSON.parse(text) as WrittenConfig;
  const steps = new Map<string, CachedStep>();
  for (const { digest, layers: results } of records ?? []) {
    const [result] = results ?? [];
    if (result !== undefined) steps.set(digest, { layer: result.layer, created: result.createdAt });
  }
  return {
    steps,
    layers: (layers ?? []).map(({ blob, parent, annotations }) => ({
      blob: blobs.get(blob) ?? { digest: blob, mediaType: annotations?.mediaType ?? '', size: annotations?.size ?? 0 }, parent, diffId: annotations?.diffID ?? '',
    })),
  };
}
