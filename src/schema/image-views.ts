/** The image parts of the Engine API, version 1.51, in its own JSON spelling. */
import type { GraphDriverData } from './container-config.ts';

/** The `config` object of an image's configuration file, with Docker's extra fields. */
export interface ImageRuntimeConfig {
  User?: string;
  ExposedPorts?: Record<string, Record<string, never>>;
  Env?: string[] | null;
  Entrypoint?: string[] | null;
  Cmd?: string[] | null;
  Volumes?: Record<string, Record<string, never>> | null;
  WorkingDir?: string;
  Labels?: Record<string, string> | null;
  StopSignal?: string;
  ArgsEscaped?: boolean;
  OnBuild?: string[] | null;
  Shell?: string[];
  Healthcheck?: { Test?: string[]; Interval?: number; Timeout?: number; Retries?: number; StartPeriod?: number; StartInterval?: number };
}

/** An element of `GET /images/json`. */
export interface ImageSummary {
  Containers: number;
  Created: number;
  Id: string;
  Labels: Record<string, string> | null;
  ParentId: string;
  RepoDigests: string[];
  RepoTags: string[];
  SharedSize: number;
  Size: number;
}

/** `GET /images/{name}/json`. */
export interface ImageInspect {
  Id: string;
  RepoTags: string[];
  RepoDigests: string[];
  Parent: string;
  Comment: string;
  /** Left out where it is not known. */
  Created?: string;
  DockerVersion: string;
  Author: string;
  Architecture: string;
  Variant?: string;
  Os: string;
  OsVersion?: string;
  Size: number;
  GraphDriver: GraphDriverData;
  RootFS: { Type?: string; Layers?: string[] };
  Metadata: { LastTagTime: string };
  Config: ImageRuntimeConfig | null;
  /** Of the container it was made in, as its file tells; shown by versions before 1.45 only. */
  Container?: string;
  ContainerConfig?: Record<string, unknown>;
}

/** An element of `GET /images/{name}/history`. */
export interface HistoryEntry {
  Comment: string;
  Created: number;
  CreatedBy: string;
  Id: string;
  Size: number;
  Tags: string[] | null;
}

/** An element of the answer to `DELETE /images/{name}`. */
export type ImageDeleteEntry = { Untagged: string } | { Deleted: string };

/** One line of a progress stream (load, pull, import, bootstrap). */
export interface ProgressMessage {
  stream?: string;
  status?: string;
  id?: string;
  progress?: string;
  progressDetail?: { current?: number; total?: number };
  error?: string;
  errorDetail?: { code?: number; message: string };
  aux?: unknown;
}
