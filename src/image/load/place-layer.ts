/** Puts a layer of an archive over what lies below it in an image. */
import { fail } from '#base/errors/failure.ts';
import type { AppliedLayer, StagedLayer } from '../layer/contract.ts';
import { layerProgress, placedProgress, type LoadSession } from './load-session.ts';

export interface PlacedLayer {
  /** Of the file in the archive. */
  readonly name: string;
  /** Chain id of what lies below. */
  readonly below: string | undefined;
  /** The diff id it must have. */
  readonly expectedDiffId?: string;
  /** As progress names it. */
  readonly identifier: string;
}

/** @throws image.invalid_archive, image.digest_mismatch, layer.digest_mismatch and what unpacking throws */
export async function placeLayer(session: LoadSession, layer: PlacedLayer): Promise<AppliedLayer> {
  const { archive, lease, signal } = session;
  const { name, below, expectedDiffId, identifier } = layer;
  const file = archive.file(name);
  if (file === undefined) throw archive.missing(name);
  if (file.kind === 'file') return await lease.apply(below, file.open(), { signal, expectedDiffId, onProgress: layerProgress(session, { identifier, size: file.size }) });
  if (file.kind === 'left-out') return await placeAgain(session, layer, expectedDiffId ?? '');
  const staged = await file.staged();
  if (expectedDiffId !== undefined && staged.diffId !== expectedDiffId) throw fail('layer.digest_mismatch', { expected: expectedDiffId, actual: staged.diffId });
  const applied = await placeStaged(session, layer, staged);
  placedProgress(session, { identifier, size: file.size });
  return applied;
}

async function placeStaged({ lease, adopted, ...session }: LoadSession, layer: PlacedLayer, staged: StagedLayer): Promise<AppliedLayer> {
  // The same file may be a layer of several images, over other layers.
  if (adopted.has(staged)) {
    const again = await placeAgain({ lease, adopted, ...session }, layer, staged.diffId);
    return { ...again, archiveDigest: staged.archiveDigest, archiveSize: staged.archiveSize };
  }
  const applied = await lease.adopt(layer.below, staged);
  if (applied.created) adopted.add(staged);
  session.chainByDiffId.set(applied.diffId, applied.chainId);
  return applied;
}

/** A layer whose contents are in the store, at another place or at the same. */
async function placeAgain({ parts, lease, chainByDiffId, signal }: LoadSession, { name, below }: PlacedLayer, diffId: string): Promise<AppliedLayer> {
  const known = chainByDiffId.get(diffId);
  if (known === undefined) throw fail('image.digest_mismatch', { message: `layer verification failed for digest ${diffId === '' ? name : diffId}` });
  return await lease.apply(below, await parts.layers.tarStream(known, { signal }), { signal, expectedDiffId: diffId });
}
