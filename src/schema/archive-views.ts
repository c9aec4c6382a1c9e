/** What the endpoints on containers' files answer. */

/** An entry of `GET /containers/{id}/changes`. */
export interface FilesystemChange {
  readonly Path: string;
  /** 0 modified, 1 added, 2 deleted. */
  readonly Kind: 0 | 1 | 2;
}

/** The header `X-Docker-Container-Path-Stat`, JSON in base64. */
export interface ContainerPathStat {
  readonly name: string;
  readonly size: number;
  /** Go's `fs.FileMode`: permissions with the kind in the high bits. */
  readonly mode: number;
  /** RFC 3339 with nanoseconds. */
  readonly mtime: string;
  /** Where a symbolic link leads in the end; empty for anything else. */
  readonly linkTarget: string;
}
