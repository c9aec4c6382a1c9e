/** What the readers of all archive formats share. */
import { fail } from '#base/errors/failure.ts';
import { shortIdentifier } from '#base/identifier.ts';
import type { ImageConfiguration } from '#oci/image-configuration.ts';
import type { Platform } from '#oci/platform.ts';
import type { ImageReference } from '#oci/reference.ts';
import type { ImageParts } from '../image-parts.ts';
import type { StagedLayer } from '../layer/contract.ts';
import type { LayerLease } from '../layer-keeper.ts';
import { byteProgress, reportWhole } from '../progress/byte-progress.ts';
import type { Report } from '../progress/progress-stream.ts';
import type { SpooledArchive } from './spooled-archive.ts';

/** An operation of loading, with what it holds. */
export interface LoadSession {
  readonly parts: ImageParts;
  readonly archive: SpooledArchive;
  readonly lease: LayerLease;
  readonly report: Report;
  readonly quiet: boolean;
  /** Images of others are passed over. */
  readonly platform?: Platform | undefined;
  readonly signal: AbortSignal;
  /** Chain id of a layer held by the lease, by diff id. */
  readonly chainByDiffId: Map<string, string>;
  /** Layers of the archive that are in the store now. */
  readonly adopted: Set<StagedLayer>;
}

/** An image whose layers are there. */
export interface LoadedImage {
  readonly id: string;
  readonly configuration: Buffer;
  readonly parsed: ImageConfiguration;
  readonly names: readonly ImageReference[];
  readonly parent: string | undefined;
}

/** @throws image.invalid_archive "cannot load windows image on linux" */
export function checkSystem(os: string): void {
  if (os !== '' && os.toLowerCase() !== 'linux') throw fail('image.invalid_archive', { message: `cannot load ${os} image on linux` });
}

const status = 'Loading layer';
/** Milliseconds before the progress of a layer is told while it is read: until then the end alone is. */
const quickEnough = 500;

/** Reports how much of a layer was read, unless progress is not wanted. */
export function layerProgress({ quiet, report }: Pick<LoadSession, 'quiet' | 'report'>, layer: { identifier: string; size: number }): ((bytes: number) => void) | undefined {
  return quiet ? undefined : byteProgress(report, { id: shortIdentifier(layer.identifier), status, total: layer.size });
}

/** Reports how much of a large layer was read that is not placed yet. */
export function stagingProgress(session: Pick<LoadSession, 'quiet' | 'report'>, layer: { identifier: string; size: number }): ((bytes: number) => void) | undefined {
  const tell = layerProgress(session, layer);
  const begin = performance.now() + quickEnough;
  return tell && ((bytes) => (bytes < layer.size && performance.now() >= begin ? tell(bytes) : undefined));
}

/** Reports that a layer is there. */
export function placedProgress({ quiet, report }: Pick<LoadSession, 'quiet' | 'report'>, { identifier, size }: { identifier: string; size: number }): void {
  if (!quiet) reportWhole(report, { id: shortIdentifier(identifier), status, total: size });
}
