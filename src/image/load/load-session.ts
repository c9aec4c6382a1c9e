/** What the readers of all archive formats share. */
import { fail } from '#base/errors/failure.ts';
import { shortIdentifier } from '#base/identifier.ts';
import type { ImageConfiguration } from '#oci/image-configuration.ts';
import type { Platform } from '#oci/platform.ts';
import type { ImageReference } from '#oci/reference.ts';
import type { ImageParts } from '../image-parts.ts';
import type { LayerLease } from '../layer-keeper.ts';
import { byteProgress } from '../progress/byte-progress.ts';
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
  readonly chainByDiffId: ReadonlyMap<string, string>;
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

/** Reports how much of a layer was read, unless progress is not wanted. */
export function layerProgress(session: LoadSession, name: string, identifier: string): ((bytes: number) => void) | undefined {
  const total = session.archive.file(name)?.size ?? 0;
  return session.quiet ? undefined : byteProgress(session.report, { id: shortIdentifier(identifier), status: 'Loading layer', total });
}
