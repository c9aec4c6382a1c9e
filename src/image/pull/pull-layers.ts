/**
 * Brings the layers of an image here, several downloads at once. A layer whose parent is in place is
 * unpacked as it arrives; others wait in files.
 */
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError, fail, isFailure, messageOf } from '#base/errors/failure.ts';
import { shortIdentifier } from '#base/identifier.ts';
import { chainIds } from '#oci/chain-id.ts';
import type { Descriptor } from '#oci/manifest.ts';
import type { Repository } from '#registry/repository.ts';
import type { ImageParts } from '../image-parts.ts';
import type { LayerLease } from '../layer-keeper.ts';
import { byteMessage, byteProgress } from '../progress/byte-progress.ts';
import type { Report } from '../progress/progress-stream.ts';
import { downloadLayer, streamLayer, type LayerDownload } from './download-layer.ts';
import { DownloadSlots } from './download-slots.ts';

export interface LayerPull {
  readonly parts: ImageParts;
  readonly repository: Repository;
  readonly lease: LayerLease;
  /** Bottom first, as many as diff ids. */
  readonly layers: readonly Descriptor[];
  readonly diffIds: readonly string[];
  readonly report: Report;
  readonly signal: AbortSignal;
  readonly retryUnit: number;
}

const downloadsAtOnce = 3;

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
  for (const [index, layer] of layers.entries()) if (!first.has(layer.digest)) first.set(layer.digest, index);
  for (const [index, layer] of layers.entries()) if (index >= present && first.get(layer.digest) === index) state(report, layer, 'Pulling fs layer');
  await using directory = await pull.parts.workspace.open('pull');
  const failed = new AbortController();
  const signal = AbortSignal.any([pull.signal, failed.signal]);
  const slots = new DownloadSlots(downloadsAtOnce);
  const inPlace: Promise<void>[] = chain.slice(0, present).map(async () => await Promise.resolve());
  for (let index = present; index < chain.length; index++) {
    const layer = layers[index];
    if (layer === undefined) throw new Error('bug: fewer layers than diff ids');
    const job = new LayerJob({ ...pull, signal }, { layer, index, chain, below: inPlace[index - 1], slots, directory: directory.path });
    const twin = first.get(layer.digest) ?? index;
    const done = twin < index ? job.copy(twin) : job.bring();
    done.catch((error: unknown) => failed.abort(error));
    inPlace.push(done);
  }
  const results = await Promise.allSettled(inPlace);
  pull.signal.throwIfAborted();
  // The first failure stopped the others.
  if (failed.signal.aborted) throw failed.signal.reason;
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

interface Place {
  readonly layer: Descriptor;
  readonly index: number;
  readonly chain: readonly string[];
  readonly below: Promise<void> | undefined;
  readonly slots: DownloadSlots;
  readonly directory: string;
}

class LayerJob {
  readonly #pull: LayerPull;
  readonly #place: Place;
  #belowInPlace = false;

  constructor(pull: LayerPull, place: Place) {
    this.#pull = pull;
    this.#place = place;
    if (place.below === undefined) this.#belowInPlace = true;
    else void place.below.then(() => (this.#belowInPlace = true), () => undefined);
  }

  /** Downloads and unpacks. */
  async bring(): Promise<void> {
    const { layer, slots, directory, index } = this.#place;
    const { report, signal } = this.#pull;
    const path = join(directory, String(index));
    {
      using _slot = await slots.take(signal, () => state(report, layer, 'Waiting'));
      // The promise below may have settled in this very turn.
      await Promise.resolve();
      if (this.#belowInPlace && (await this.#stream())) return;
      await downloadLayer(this.#download(), path);
    }
    await this.#place.below;
    const onProgress = byteProgress(report, { id: shortIdentifier(layer.digest), status: 'Extracting', total: layer.size });
    await this.#apply(createReadStream(path), onProgress);
    await rm(path, { force: true });
    state(report, layer, 'Pull complete');
  }

  /** Unpacks the contents of another layer of the image that is the same. */
  async copy(twin: number): Promise<void> {
    await this.#place.below;
    const { parts, signal } = this.#pull;
    await this.#apply(await parts.layers.tarStream(this.#place.chain[twin] ?? '', { signal }));
  }

  /** False when the stream broke off or its contents do not fit: it is then downloaded whole and looked at. */
  async #stream(): Promise<boolean> {
    const { layer } = this.#place;
    const { report } = this.#pull;
    try {
      await this.#apply(await streamLayer(this.#download()));
    } catch (error) {
      this.#pull.signal.throwIfAborted();
      const final = ['registry.verification_failed', 'registry.blob_unknown', 'registry.refused', 'registry.unauthorized', 'layer.disk_full'] as const;
      if (final.some((code) => isFailure(error, code))) throw error;
      return false;
    }
    report(byteMessage({ id: shortIdentifier(layer.digest), status: 'Extracting', current: layer.size, total: layer.size }));
    state(report, layer, 'Pull complete');
    return true;
  }

  async #apply(archive: Parameters<LayerLease['apply']>[1], onProgress?: (bytes: number) => void): Promise<void> {
    const { lease, diffIds, signal } = this.#pull;
    const { index, chain } = this.#place;
    try {
      await lease.apply(chain[index - 1], archive, { signal, expectedDiffId: diffIds[index], onProgress });
    } catch (error) {
      if (isFailure(error, 'layer.digest_mismatch')) throw fail('image.pull_failed', { message: "layers from manifest don't match image configuration" }, error);
      if (error instanceof EngineError && error.code.startsWith('layer.') && error.code !== 'layer.disk_full') throw fail('image.pull_failed', { message: `failed to register layer: ${messageOf(error)}` }, error);
      throw error;
    }
  }

  #download(): LayerDownload {
    const { repository, report, signal, retryUnit } = this.#pull;
    return { repository, layer: this.#place.layer, report, signal, retryUnit };
  }
}

function state(report: Report, layer: Descriptor | undefined, status: string): void {
  if (layer !== undefined) report({ status, progressDetail: {}, id: shortIdentifier(layer.digest) });
}
