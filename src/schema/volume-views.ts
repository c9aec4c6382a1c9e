/** `GET /volumes`, `GET /volumes/{name}` and what makes and removes them, in their JSON spelling, API 1.51. */
export interface VolumeView {
  CreatedAt: string;
  Driver: string;
  Labels: Record<string, string> | null;
  Mountpoint: string;
  Name: string;
  Options: Record<string, string> | null;
  Scope: 'local';
  /** Only in the disk usage. */
  UsageData?: { RefCount: number; Size: number };
}

/** `GET /volumes`. */
export interface VolumeList {
  Volumes: VolumeView[];
  Warnings: string[] | null;
}

/** The body of `POST /volumes/create`. */
export interface VolumeCreateRequest {
  Name: string;
  Driver: string;
  DriverOpts: Record<string, string> | null;
  Labels: Record<string, string> | null;
}

/** `POST /volumes/prune`. */
export interface VolumePruneReport {
  VolumesDeleted: string[];
  SpaceReclaimed: number;
}
