/** What the layer store and its worker threads tell each other. */
import type { ArchivedParts } from './archive-tree.ts';
import type { RingMemory } from './byte-ring.ts';
import type { CopiedLayer } from './copy-layer.ts';
import type { FeedMemory } from './file-feed.ts';
import type { PackProgressMemory } from './pack-progress.ts';
import type { ComparedTree, TreeChange } from './tree-changes.ts';

/** Unpack an archive that comes through the ring. */
export interface UnpackJob {
  readonly kind: 'unpack';
  readonly ring: RingMemory;
  /** The layer's directory, with an empty `diff` in it. */
  readonly directory: string;
  /** File to write the recipe to. */
  readonly recipePath: string;
  /** Limit of the archive in bytes. */
  readonly maximumSize: number;
  /** As of `ApplyOptions`. */
  readonly removed: readonly string[] | undefined;
}

/** Unpack an archive, compressed or not, from a file that may still be growing. */
export interface UnpackFileJob {
  readonly kind: 'unpack-file';
  /** Of the file, opened by the main thread. */
  readonly descriptor: number;
  /** Bytes of the whole file. */
  readonly size: number;
  readonly feed: FeedMemory;
  /** The layer's directory, with an empty `diff` in it. */
  readonly directory: string;
  /** File to write the recipe to. */
  readonly recipePath: string;
  /** Limit of the archive in bytes. */
  readonly maximumSize: number;
}

export interface UnpackResult {
  readonly diffId: string;
  /** Length of the archive. */
  readonly tarLength: number;
  /** Bytes of files as Docker counts them. */
  readonly size: number;
  /** Paths in the layer, one character per byte. */
  readonly whiteouts: readonly string[];
  readonly opaque: readonly string[];
  /** Contents that the recipe looks for in the tree (by their number in it) but lie here, relative to the layer's directory. */
  readonly replaced: Readonly<Record<number, string>>;
}

/** A layer whose archive is to be made again. */
export interface PackedLayer {
  readonly directory: string;
  readonly recipePath: string;
  readonly diffId: string;
  readonly replaced: Readonly<Record<number, string>>;
}

/** Write a layer's archive into the ring. */
export interface PackJob {
  readonly kind: 'pack';
  readonly ring: RingMemory;
  readonly layer: PackedLayer;
  /** Compress it by gzip. */
  readonly compression?: { readonly progress: PackProgressMemory } | undefined;
}

export interface PackResult {
  /** Of the compressed archive; undefined of one that is not. */
  readonly compressed: { readonly digest: string; readonly size: number } | undefined;
}

/** How a program is called that compresses its standard input to its standard output. */
export interface ProgramCall {
  readonly path: string;
  readonly parameters: readonly string[];
}

/** Have a program compress a layer's archive. The thread closes `output`. Answers the archive's CRC-32. */
export interface PackByProgramJob {
  readonly kind: 'pack-by-program';
  readonly layer: PackedLayer;
  readonly program: ProgramCall;
  /** The program's standard output. */
  readonly output: number;
  readonly progress: PackProgressMemory;
}

/** Copy the trees of layers into one directory. */
export interface CopyJob {
  readonly kind: 'copy';
  /** Bottom first. */
  readonly layers: readonly CopiedLayer[];
  readonly target: string;
}

/** Compare a container's tree with its image. */
export interface ChangesJob extends ComparedTree {
  readonly kind: 'changes';
}

/** Write an archive of parts of a tree into the ring. */
export interface ArchiveJob {
  readonly kind: 'archive';
  readonly ring: RingMemory;
  readonly tree: string;
  readonly parts: ArchivedParts;
}

export type LayerJob = UnpackJob | UnpackFileJob | PackJob | PackByProgramJob | CopyJob | ChangesJob | ArchiveJob;

/** What a job answers. */
export type ResultOf<J extends LayerJob> = J extends UnpackJob
  ? UnpackResult
  : J extends UnpackFileJob
  ? /** Undefined: it is compressed in another way than this can read. */ UnpackResult | undefined
  : J extends PackJob ? PackResult : J extends PackByProgramJob ? number : J extends ChangesJob ? readonly TreeChange[] : undefined;

export type JobReply =
  | { readonly kind: 'done'; readonly result: ResultOf<LayerJob> }
  /** The other side of the ring gave up. */
  | { readonly kind: 'broken' }
  | { readonly kind: 'failed'; readonly code: 'layer.invalid_archive'; readonly message: string }
  | { readonly kind: 'failed'; readonly code: 'layer.compression_failed'; readonly reason: string }
  | { readonly kind: 'failed'; readonly code: 'layer.disk_full'; readonly path: string }
  | { readonly kind: 'failed'; readonly code: 'layer.too_large'; readonly maximum: number }
  | { readonly kind: 'failed'; readonly code: 'bug'; readonly message: string; readonly stack: string };
