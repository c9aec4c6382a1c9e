/**
 * Brings the layers of an image here: the compressed blobs into the content store, several at once, and each
 * unpacked while it still arrives, whatever lies below it, and put in place when that is. Whoever else pulls the same layer
 * meanwhile waits for it instead of bringing or unpacking it again.
 */
import { EngineError, fail, isFailure, messageOf } from '#base/errors/failure.ts';
import { shortIdentifier } from '#base/identifier.ts';
import { chainIds } from '#oci/chain-id.ts';
import type { Descriptor } from '#oci/manifest.ts';
import type { ImageParts } from '../image-parts.ts';
import type { StagedLayer } from '../layer/contract.ts';
import type { LayerLease } from '../layer-keeper.ts';
import type { BlobLease } from '../manifests/content-keeper.ts';
import { byteProgress, reportWhole } from '../progress/byte-progress.ts';
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
  /** What lies below is in place: from then on, users are told of the unpacking. */
  #isTurn = false;

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
    const chainId = chain[index] ?? '';
    // Another pull may be at it.
    using _only = await parts.making.acquire(chainId, signal);
    const isThere = await lease.hold(chainId);
    await using unpacked = isThere ? undefined : await this.#unpackArriving();
    await below;
    this.#isTurn = true;
    await this.downloaded;
    try {
      if (unpacked !== undefined) await lease.adopt(chain[index - 1], unpacked);
      else if (!isThere) await this.#unpackWhole();
    } catch (error) {
      throw told(error);
    }
    if (download !== undefined) return;
    if (!isThere) reportWhole(report, { id: shortIdentifier(layer.digest), status: 'Extracting', total: layer.size });
    state(report, layer, 'Pull complete');
  }

  /** Unpacks while the blob still arrives. Undefined when that did not work: the blob is looked at once it is verified. */
  async #unpackArriving(): Promise<StagedLayer | undefined> {
    const { parts, signal, lease, diffIds } = this.#pull;
    const { layer, index } = this.#place;
    const left = new AbortController();
    // When the download fails, its failure is the one to tell.
    this.downloaded.catch((error: unknown) => left.abort(error));
    const following = AbortSignal.any([signal, left.signal]);
    const tell = this.#progress();
    const onProgress = (bytes: number): void => {
      if (this.#isTurn && this.#isDownloaded) tell(bytes);
    };
    try {
      using _slot = await parts.unpackings.take(following, () => undefined);
      await using file = await parts.content.openGrowing(layer.digest, { signal: following });
      const archive = { descriptor: file.descriptor, digest: layer.digest, size: layer.size, watch: file.watch };
      return await lease.stageFile(archive, { signal: following, expectedDiffId: diffIds[index], maximumSize: this.#maximumSize, onProgress });
    } catch (error) {
      signal.throwIfAborted();
      await this.downloaded;
      if (isFailure(error, 'layer.disk_full')) throw error;
      return undefined;
    }
  }

  async #unpackWhole(): Promise<void> {
    const { parts, lease, diffIds, signal } = this.#pull;
    const { index, chain, layer } = this.#place;
    await lease.apply(chain[index - 1], parts.content.read(layer.digest, { signal }), { signal, expectedDiffId: diffIds[index], maximumSize: this.#maximumSize, onProgress: this.#progress() });
  }

  get #maximumSize(): number {
    return Math.max(smallestLimit, this.#place.layer.size * largestExpansion);
  }

  #progress(): (bytes: number) => void {
    const { layer } = this.#place;
    const tell = byteProgress(this.#pull.report, { id: shortIdentifier(layer.digest), status: 'Extracting', total: layer.size });
    // The end is told once the layer is in place.
    return (bytes) => (bytes < layer.size ? tell(bytes) : undefined);
  }
}

/** A layer's failure as the pull's, in Docker's words. */
function told(error: unknown): unknown {
  if (isFailure(error, 'layer.digest_mismatch')) return fail('image.pull_failed', { message: "layers from manifest don't match image configuration" }, error);
  const isLayers = error instanceof EngineError && error.code.startsWith('layer.') && error.code !== 'layer.disk_full';
  return isLayers ? fail('image.pull_failed', { message: `failed to register layer: ${messageOf(error)}` }, error) : error;
}

function state(report: Report, layer: Descriptor | undefined, status: string): void {
  if (layer !== undefined) report({ status, progressDetail: {}, id: shortIdentifier(layer.digest) });
}
