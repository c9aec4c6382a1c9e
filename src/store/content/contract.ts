/**
 * The content store: blobs named by the digest of their bytes, verified before they get their name, and
 * partial blobs that outlive whoever wrote them. It knows nothing of images: who owns a blob is told to
 * `collect`. One store per data root and process.
 */
import type { Readable } from 'node:stream';

export interface BlobInfo {
  /** `sha256:…`, `sha384:…` or `sha512:…` */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970 when it was completed. */
  readonly modified: number;
}

/** What was written of a blob that is not complete. */
export interface PartialBlob {
  /** The digest it is to have, or the session of an upload whose digest is not known yet. */
  readonly target: { readonly digest: string } | { readonly session: string };
  readonly path: string;
  /** Bytes so far. */
  readonly size: number;
  /** Milliseconds since 1970 of the last write. */
  readonly modified: number;
  /** Somebody is writing it. */
  readonly busy: boolean;
}

export interface ReadRange {
  /** First byte; 0 unless given. */
  readonly offset?: number | undefined;
  /** Bytes to read; to the end unless given. */
  readonly length?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Appends to a blob under way; nobody else writes it meanwhile. Disposed without `commit` or `discard`, what
 * was written stays for the next writer of the same digest or session.
 */
export interface BlobWriter extends AsyncDisposable {
  /** Bytes there: where the next ones belong. Above 0 from the start when a former writer left some. */
  readonly offset: number;
  /** Whether bytes of a former writer are part of it: their digest is only known at the end. */
  readonly resumed: boolean;
  /** Resolves when more can be taken. @throws content.disk_full */
  write(bytes: Uint8Array): Promise<void>;
  /** As `write`, of bytes nobody else will look at: their memory is given back as soon as they are written, which a garbage collector would let wait. */
  give(bytes: Uint8Array): Promise<void>;
  /** Drops what was written and begins at 0. */
  restart(): Promise<void>;
  /**
   * Verifies and names the blob; where the name was there already, that one stays. `digest` is asked of an upload only.
   * @throws content.digest_mismatch, content.wrong_size: what was written is then dropped
   */
  commit(digest?: string): Promise<BlobInfo>;
  /** Drops what was written; the writer is of no use then. */
  discard(): Promise<void>;
}

/** A blob's file while it grows. */
export interface GrowingFile extends AsyncDisposable {
  readonly descriptor: number;
  /** Calls back at once, and whenever there is more, with the bytes there are; undefined: what was written is dropped. */
  watch(onSize: (available: number | undefined) => void): Disposable;
}

/** Keeps blobs from being collected until disposed. */
export interface ContentLease extends Disposable {
  /** From now on this digest is kept, whether the blob is there already or comes later. Answers whether it is. */
  hold(digest: string): boolean;
  /** What was held so far. */
  readonly digests: ReadonlySet<string>;
}

export interface ContentStore {
  /** Undefined when the blob is not there, whole. */
  stat(digest: string): BlobInfo | undefined;
  /** The file of a blob. @throws content.not_found */
  path(digest: string): string;
  /** Its bytes, or a range of them. Not verified again: `verify` is for that. @throws content.not_found */
  read(digest: string, range?: ReadRange): Readable;
  /** All of it at once, for documents. @throws content.not_found, content.too_large */
  readWhole(digest: string, limit: number): Promise<Buffer>;
  /** Reads it through and tells whether the bytes have this digest. @throws content.not_found */
  verify(digest: string, signal?: AbortSignal): Promise<boolean>;
  /** Adds bytes that are at hand, durably; with `digest` they are verified against it, else they get their sha256. @throws content.digest_mismatch, content.disk_full */
  put(bytes: Uint8Array, digest?: string): Promise<BlobInfo>;
  /**
   * The only writer of a digest: waits while there is another one. Undefined when the blob is there, be it
   * that the other one completed it. `size`, where known, is checked at the end.
   */
  write(digest: string, options: { size?: number | undefined; signal: AbortSignal }): Promise<BlobWriter | undefined>;
  /** The only writer of an upload, whose digest is told at its commit. A session is any text of letters, digits and `-_`. */
  upload(session: string, options: { signal: AbortSignal }): Promise<BlobWriter>;
  /** Whether somebody is writing this digest now. */
  isBusy(digest: string): boolean;
  /** Calls back with the bytes there are whenever a writer of this digest added some. */
  watch(digest: string, onSize: (size: number) => void): Disposable;
  /** The file of a blob, from its first byte on while it is being written, whoever writes it. Waits until there is one. @throws content.writer_left when it is dropped at once */
  openGrowing(digest: string, options: { signal: AbortSignal }): Promise<GrowingFile>;
  lease(): ContentLease;
  /** Every whole blob. */
  list(): BlobInfo[];
  partials(): PartialBlob[];
  /** Deletes those of `digests` (undefined: of all blobs) that nobody holds or owns. Answers what went. */
  collect(digests: Iterable<string> | undefined, isOwned: (digest: string) => boolean): BlobInfo[];
  /** Deletes partial blobs nobody writes and that were not written to for so many milliseconds; with `among` only those of these digests. */
  dropPartials(options: { unusedFor: number; among?: ReadonlySet<string> }): PartialBlob[];
  /** Removes what a crash left that nobody can go on with. Called once, before anything else. */
  repair(): void;
}
