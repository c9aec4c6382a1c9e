/**
 * Brings the layers of an image here: the compressed blobs into the content store, several at once, and each
 * unpacked while it still arrives as soon as the layer below is in place. Whoever else pulls the same layer
 * meanwhile waits for it instead of bringing or unpacking it again.
 */
import type { Readable } from 'node:stream';
import { Readable as Stream } from 'node:stream';
import { EngineError, fail, isFailure, messageOf } from '#base/errors/failure.ts';
import { shortIdentifier } from '#base/identifier.ts';
import { chainIds } from '#oci/chain-id.ts';
import type { Descriptor } from '#oci/manifest.ts';
import type { ImageParts } from '../image-parts.ts';
import type { LayerLease } from '../layer-keeper.ts';
import type { BlobLease } from '../manifests/content-keeper.ts';
import { byteMessage, byteProgress } from '../progress/byte-progress.ts';
import type { Report } from '../progress/progress-stream.ts';
import { downloadBlob } from './download-blob.ts';
import type { RetryRule } from './patience.ts';
import type { PullSource } from './pull-source.ts';

export interface LayerPull {
  readonly parts: ImageParts;
  readonly source: PullSource;
  readonly lease: LayerLease;
  readonly blobs: BlobLease;
  /** Bottom first, as many as diff ids. */
  readonly layers: readonly Descriptor[];
  readonly diffIds: readonly string[];
  readonly report: Report;
  readonly signal: AbortSignal;
  readonly retry: RetryRule;
}

/** No gzip stream expands more than this; what does is no honest layer. */
const largestExpansion = 1100;
const smallestLimit = 1024 ** 3;

/** @throws registry.verification_failed, image.pull_failed and what downloading throws; nothing is under way any more then */
export async function pullLayers(pull: LayerPull): Promise<void> {
  const { layers, diffIds, report, lease } = pull;
  const chain = chainIds(diffIds);
  let present = 0;
  while (present < chain.length && (await lease.hold(chain[present] ?? ''))) {
    state(report, layers[present], 'Already exists');
    present++;
  }
  const first = new Map<string, number>();
  for (const [index, layer] of layers.entries()) if (index >= present && !first.has(layer.digest)) first.set(layer.digest, index);
  for (const [index, layer] of layers.entries()) if (first.get(layer.digest) === index) state(report, layer, 'Pulling fs layer');
  const failed = new AbortController();
  const signal = AbortSignal.any([pull.signal, failed.signal]);
  const jobs: LayerJob[] = [];
  for (let index = present; index < chain.length; index++) {
    const layer = layers[index];
    if (layer === undefined) throw new Error('bug: fewer layers than diff ids');
    const twin = jobs[(first.get(layer.digest) ?? index) - present];
    jobs.push(new LayerJob({ ...pull, signal }, { layer, index, chain, below: jobs.at(-1)?.inPlace, download: twin?.downloaded }));
  }
  const ends = jobs.flatMap(({ downloaded, inPlace }) => [downloaded, inPlace]);
  for (const end of ends) end.catch((error: unknown) => failed.abort(error));
  const results = await Promise.allSettled(ends);
  pull.signal.throwIfAborted();
  // The first failure stopped the others.
  if (failed.signal.aborted) throw failed.signal.reason;
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

interface Place {
  readonly layer: Descriptor;
  readonly index: number;
  readonly chain: readonly string[];
  /** The layer below is in place; undefined: there is none, or it was there before. */
  readonly below: Promise<void> | undefined;
  /** The download of the same blob for another layer of this image. */
  readonly download: Promise<void> | undefined;
}

class LayerJob {
  readonly #pull: LayerPull;
  readonly #place: Place;
  /** The blob is here. */
  readonly downloaded: Promise<void>;
  /** The layer is unpacked. */
  readonly inPlace: Promise<void>;
  #isDownloaded = false;
  #isFollowed = false;

  constructor(pull: LayerPull, place: Place) {
    this.#pull = pull;
    this.#place = place;
    pull.blobs.hold(place.layer.digest);
    this.downloaded = place.download ?? this.#download();
    this.inPlace = this.#bring();
  }

  async #download(): Promise<void> {
    const { parts, source, report, signal, retry } = this.#pull;
    const { layer } = this.#place;
    using _slot = await parts.downloads.take(signal, () => state(report, layer, 'Waiting'));
    await downloadBlob({ source, content: parts.content, blob: layer, what: 'filesystem layer', report, signal, retry });
    this.#isDownloaded = true;
  }

  async #bring(): Promise<void> {
    const { parts, report, signal, lease } = this.#pull;
    const { layer, below, chain, index, download } = this.#place;
    await below;
    const chainId = chain[index] ?? '';
    // Another pull may be at it.
    using _only = await parts.unpacking.acquire(chainId, signal);
    if (!(await lease.hold(chainId)) && !(await this.#unpackArriving())) {
      await this.downloaded;
      await this.#apply(parts.content.read(layer.digest, { signal }), this.#progress());
    }
    await this.downloaded;
    if (download !== undefined) return;
    if (this.#isFollowed) report(byteMessage({ id: shortIdentifier(layer.digest), status: 'Extracting', current: layer.size, total: layer.size }));
    state(report, layer, 'Pull complete');
  }

  /** Unpacks while the blob still arrives. False when that did not work: the blob is looked at once it is verified. */
  async #unpackArriving(): Promise<boolean> {
    const { parts, signal } = this.#pull;
    const { layer, download } = this.#place;
    if (this.#isDownloaded || download !== undefined) return false;
    const left = new AbortController();
    // When the download fails, its failure is the one to tell.
    this.downloaded.catch((error: unknown) => left.abort(error));
    const following = AbortSignal.any([signal, left.signal]);
    try {
      const chunks = parts.content.follow(layer.digest, { size: layer.size, signal: following });
      const tell = this.#progress();
      await this.#apply(Stream.from(chunks, { objectMode: false, highWaterMark: 1 }), (bytes) => {
        if (this.#isDownloaded && bytes < layer.size) tell(bytes);
      });
      this.#isFollowed = true;
      return true;
    } catch (error) {
      signal.throwIfAborted();
      await this.downloaded;
      if (isFailure(error, 'layer.disk_full')) throw error;
      return false;
    }
  }

  #progress(): (bytes: number) => void {
    const { layer } = this.#place;
    return byteProgress(this.#pull.report, { id: shortIdentifier(layer.digest), status: 'Extracting', total: layer.size });
  }

  async #apply(archive: Readable, onProgress: (bytes: number) => void): Promise<void> {
    const { lease, diffIds, signal } = this.#pull;
    const { index, chain, layer } = this.#place;
    const maximumSize = Math.max(smallestLimit, layer.size * largestExpansion);
    try {
      await lease.apply(chain[index - 1], archive, { signal, expectedDiffId: diffIds[index], maximumSize, onProgress });
    } catch (error) {
      if (isFailure(error, 'layer.digest_mismatch')) throw fail('image.pull_failed', { message: "layers from manifest don't match image configuration" }, error);
      if (error instanceof EngineError && error.code.startsWith('layer.') && error.code !== 'layer.disk_full') throw fail('image.pull_failed', { message: `failed to register layer: ${messageOf(error)}` }, error);
      throw error;
    }
  }
}

function state(report: Report, layer: Descriptor | undefined, status: string): void {
  if (layer !== undefined) report({ status, progressDetail: {}, id: shortIdentifier(layer.digest) });
}
