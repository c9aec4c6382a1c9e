/** `GET /volumes`, `GET /volumes/{name}` and what makes and removes them, in their JSON spelling, API 1.51. */
export interface VolumeView {
  CreatedAt: string;
  Driver: string;
  Labels: Record<string, string> | null;
  Mountpoint: string;
  Name: string;
  Options: Record<string, string> | null;
  Scope: 'local' | 'global';
  /** What a plugin tells of its volume. */
  Status?: Readonly<Record<string, unknown>>;
  /** Only of a volume of a cluster. */
  ClusterVolume?: ClusterVolumeView;
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
  /** Asks for a volume of the cluster. */
  ClusterVolumeSpec?: ClusterVolumeSpecification;
}

export interface VolumeTopology {
  Segments: Record<string, string>;
}

export interface ClusterVolumeSpecification {
  Group?: string;
  AccessMode: { Scope: string; Sharing: string; MountVolume?: object; BlockVolume?: object };
  AccessibilityRequirements: { Requisite?: VolumeTopology[]; Preferred?: VolumeTopology[] };
  CapacityRange: { RequiredBytes: number; LimitBytes: number };
  Secrets?: { Key: string; Secret: string }[];
  Availability?: string;
}

/** What a cluster tells of one of its volumes, as far as anybody here asks. */
export interface ClusterVolumeView {
  ID: string;
  Version: { Index: number };
  Spec: ClusterVolumeSpecification;
  Info?: { VolumeID?: string };
  PublishStatus?: { State: string }[];
}

/** An element of `GET /volumes/{name}/diff`, in the spelling of `GET /containers/{id}/changes`. */
export interface VolumeChange {
  Path: string;
  /** 0 changed, 1 added, 2 deleted. */
  Kind: 0 | 1 | 2;
}

/** The body of `POST /volumes/{name}/clone`, an extension of our own. */
export interface VolumeCloneRequest {
  /** Empty for a snapshot: it is then made of the source's name and the time. */
  Name: string;
  Labels: Record<string, string> | null;
  /** Marks the copy with what it is a copy of. */
  Snapshot: boolean;
}

/** `POST /volumes/prune`. */
export interface VolumePruneReport {
  VolumesDeleted: string[];
  SpaceReclaimed: number;
}
