/**
 * What the image store needs of layers: unpacked once, named by chain id, given back byte for byte.
 * Counting who uses a layer is the image store's; this store only refuses to remove what has a child.
 */
import type { Readable } from 'node:stream';

/** A layer as it lies on disk. */
export interface Layer {
  /** `sha256:…` over the parent's chain id and the diff id; equal to the diff id for a bottom layer (OCI image-spec, layer ChainID). */
  readonly chainId: string;
  /** `sha256:…` of the uncompressed tar. */
  readonly diffId: string;
  /** Chain id of the layer below. */
  readonly parent: string | undefined;
  /** Bytes of the contents of regular files, as Docker counts a layer's size. */
  readonly size: number;
}

export interface ApplyOptions {
  readonly signal: AbortSignal;
  /** The diff id the layer must have. Given and known already, the archive is only drained and verified. */
  readonly expectedDiffId?: string | undefined;
  /** Limit of the uncompressed archive in bytes; more is refused. */
  readonly maximumSize?: number | undefined;
  /** The paths that whiteouts remove, one character per byte; every other file with such a name is a file. Undefined: names alone tell. */
  readonly removed?: readonly string[] | undefined;
  /** Called with the number of bytes taken from `archive` so far, for progress. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/** The file of an archive that may still be growing. */
export interface GrowingArchive {
  /** Open for reading as long as the unpacking lasts. */
  readonly descriptor: number;
  /** Of the whole, as whoever fills the file verifies it. */
  readonly digest: string;
  /** Bytes of the whole. */
  readonly size: number;
  /** Calls back at once, and whenever there is more, with the bytes there are; undefined: there will be no more. */
  watch(onSize: (available: number | undefined) => void): Disposable;
}

export interface AppliedLayer extends Layer {
  /** `sha256:…` of the bytes of `archive` as they came (compressed, where they were). */
  readonly archiveDigest: string;
  /** Length of `archive` in bytes. */
  readonly archiveSize: number;
  /** False when the layer was there already. */
  readonly created: boolean;
}

/** A layer's archive in compressed form, on its way. */
export interface CompressedLayer {
  /** To be read once; ends early only by failing. */
  readonly bytes: AsyncIterable<Buffer>;
  /** Bytes of the archive that are compressed so far. */
  readonly consumed: () => number;
  /** What came out. @throws before the end of `bytes` */
  readonly result: () => { readonly digest: string; readonly size: number };
}

/** A layer that was unpacked before it is known what lies below it. Disposed, it goes unless it was adopted. */
export interface StagedLayer extends AsyncDisposable {
  readonly diffId: string;
  /** As of {@link AppliedLayer}. */
  readonly archiveDigest: string;
  readonly archiveSize: number;
}

export interface LayerStore {
  /**
   * Unpacks a layer tar (plain, gzip, zstd, bzip2 or xz, told by its first bytes) over the layer `parent`.
   * `archive` is read to its end, or destroyed on failure. A failure leaves nothing behind. The same layer
   * may be applied several times at once; it is kept once.
   * @throws layer.not_found (parent), layer.invalid_archive, layer.digest_mismatch, layer.too_large, layer.disk_full
   */
  apply(parent: string | undefined, archive: Readable, options: ApplyOptions): Promise<AppliedLayer>;
  /**
   * Unpacks a layer tar whose place is not yet known; a failure leaves nothing behind.
   * @throws layer.invalid_archive, layer.too_large, layer.disk_full and what `archive` throws
   */
  stage(archive: AsyncIterable<Uint8Array>, options: Pick<ApplyOptions, 'signal' | 'maximumSize' | 'onProgress'>): Promise<StagedLayer>;
  /**
   * Unpacks an archive out of its file while that grows. Undefined when it is compressed by another program than
   * gzip and zstd: `apply` can read that.
   * @throws layer.invalid_archive, layer.digest_mismatch, layer.too_large, layer.disk_full
   */
  stageFile(archive: GrowingArchive, options: ApplyOptions): Promise<StagedLayer | undefined>;
  /** Puts a staged layer over the layer `parent`, once; where it is already, the staged one stays unused. @throws layer.not_found, layer.too_deep */
  adopt(parent: string | undefined, staged: StagedLayer): AppliedLayer;
  get(chainId: string): Layer | undefined;
  /** Every layer, in no particular order. */
  list(): Layer[];
  /**
   * Deletes the layer; without effect when unknown.
   * @throws layer.has_child when another layer lies on it
   */
  remove(chainId: string): Promise<void>;
  /**
   * The layer's uncompressed tar, byte for byte as it was applied: its sha256 is the diff id. Verified
   * while streaming; the stream fails at its end when the layer is damaged. `signal` destroys the stream.
   * @throws layer.not_found
   */
  tarStream(chainId: string, options: { signal: AbortSignal }): Promise<Readable>;
  /**
   * What `tarStream` gives, compressed by gzip: the same bytes every time on one machine, others where another program compresses.
   * @throws layer.not_found, and while it is read layer.compression_failed: another attempt is done without the program that failed
   */
  gzipStream(chainId: string, options: { signal: AbortSignal }): CompressedLayer;
  /** Length in bytes of what `tarStream` gives. @throws layer.not_found */
  tarLength(chainId: string): number;
  /** Paths of the unpacked layers' directories, topmost first, for mounting. @throws layer.not_found */
  directories(chainId: string): LayerDirectory[];
  /** Paths where layers are being unpacked or deleted. */
  underWay(): string[];
  /** Removes what a crash left half-made. Called once before anything else. */
  repair(): Promise<void>;
}

/** Where a layer lies below `dataRoot/overlay2`. */
export interface LayerDirectory {
  /** Name of the layer's directory: 64 hexadecimal digits. Its content is in `<name>/diff`. */
  readonly name: string;
  /** Name of the symbolic link `l/<link>` to `../<name>/diff`: 26 characters. */
  readonly link: string;
  /** Paths it removes from the layers below, one character per byte. In its tree they are device nodes 0:0, which are not to be copied. */
  readonly whiteouts: readonly string[];
  /** Directories in it that hide those below. */
  readonly opaque: readonly string[];
}
