/** What `GET /system/fsck` answers: whose every file below the data root is. Ours, not Docker's. */

export interface StorageReport {
  readonly DataRoot: string;
  /** Blocks taken by everything below the data root, and by it itself, in bytes: what `du` says. */
  readonly Bytes: number;
  /** By kind of owner, largest first; their sum is `Bytes`. */
  readonly Usage: readonly StorageUsage[];
  /** Files and directories that nobody owns. */
  readonly Orphans: readonly { readonly Path: string; readonly Bytes: number }[];
  /** Objects that are not whole. */
  readonly Damaged: readonly DamagedObject[];
  /** What pulls and pushes that were cut short left for the next attempt. */
  readonly Unfinished: readonly { readonly Digest: string; readonly Bytes: number; readonly AgeSeconds: number; readonly Complete: boolean }[];
  /** Whether the contents of blobs and layers were read and compared with their digests. */
  readonly Deep: boolean;
}

export interface StorageUsage {
  readonly Kind: string;
  readonly Objects: number;
  readonly Bytes: number;
}

export interface DamagedObject {
  readonly Kind: string;
  readonly Id: string;
  readonly Reason: string;
}
