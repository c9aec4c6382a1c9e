/** What the archive use cases and their worker threads tell each other. */
import type { ErrorCode } from '#base/errors/table.ts';
import type { ErrorDetails } from '#base/errors/failure.ts';
import type { IdentityMapping } from '#base/identity-mapping.ts';
import type { RingMemory } from '#image/layer/byte-ring.ts';
import type { ViewMount } from '#kernel/container-view.ts';
import type { ContainerPathStat } from '#schema/archive-views.ts';
import type { ExtractionRules } from './extract-archive.ts';

/** The container's files as a job sees them. */
export interface ViewDescription {
  /** The mounted root file system. */
  readonly root: string;
  readonly mounts: readonly ViewMount[];
  /** Of the container's users; undefined: they are the host's. */
  readonly mapping: IdentityMapping | undefined;
}

export interface StatJob {
  readonly kind: 'stat';
  readonly view: ViewDescription;
  /** As the client named it; one character per byte, as all paths here. */
  readonly path: string;
}

/** Pack what is at a path into the ring. */
export interface PackJob {
  readonly kind: 'pack';
  readonly view: ViewDescription;
  readonly path: string;
  readonly ring: RingMemory;
}

/** Pack the whole root file system into the ring. */
export interface ExportJob {
  readonly kind: 'export';
  readonly view: ViewDescription;
  readonly ring: RingMemory;
}

/** Unpack what comes through the ring at a path. */
export interface ExtractJob {
  readonly kind: 'extract';
  readonly view: ViewDescription;
  readonly path: string;
  readonly ring: RingMemory;
  readonly rules: ExtractionRules;
  readonly rootReadOnly: boolean;
  /** Where mounts of the container are, in its order. */
  readonly mountPoints: readonly { readonly destination: string; readonly writable: boolean }[];
}

export type ArchiveJob = StatJob | PackJob | ExportJob | ExtractJob;

export type ArchiveMessage =
  /** The view is entered; nothing of the host is needed any more. With what is at the path, where the job has one to look at. */
  | { readonly kind: 'begun'; readonly stat: ContainerPathStat | undefined }
  | { readonly kind: 'done' }
  /** The other side of the ring gave up. */
  | { readonly kind: 'broken' }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly details: ErrorDetails }
  | { readonly kind: 'bug'; readonly message: string; readonly stack: string };
