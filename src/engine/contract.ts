/**
 * The use cases of the engine, as the API calls them. Texts of failures are Docker's. Every method that
 * can wait takes a signal.
 */
import type { Duplex, Readable } from 'node:stream';
import type { Platform } from '#oci/platform.ts';
import type { ContainerPathStat, FilesystemChange } from '#schema/archive-views.ts';
import type { ContainerInspect, ContainerSummary, CreateRequest, ExecInspect, ExecRequest, UpdateRequest } from '#schema/container-config.ts';
import type { ContainerStats } from '#schema/container-stats.ts';
import type { PortReach } from '#schema/port-reach.ts';
import type { Explanation } from '#schema/explanation.ts';
import type { Requester } from './containers/ending.ts';
import type { EventMessage } from '#schema/event-message.ts';
import type { BuildSolver, PruneChoice } from './solver/contract.ts';
import type { HistoryEntry, ImageDeleteEntry, ImageInspect, ImageSummary, ProgressMessage } from '#schema/image-views.ts';
import type { NetworkConnectRequest, NetworkCreateRequest, NetworkDisconnectRequest, NetworkInspect } from '#schema/network-views.ts';
import type { DistributionView, LoginAnswer, LoginRequest, SearchResult } from '#schema/registry-views.ts';
import type { StorageReport } from '#schema/storage-report.ts';
import type { VolumeChange, VolumeCloneRequest, VolumeCreateRequest, VolumeList, VolumePruneReport, VolumeView } from '#schema/volume-views.ts';

/** Parsed `filters` parameter: name to values. */
export type Filters = Readonly<Record<string, readonly string[]>>;

/** `POST /build/prune`. */
export interface BuildPruneRequest {
  /** What images and the builder itself use, too. */
  readonly all: boolean;
  readonly filters: Filters;
  readonly spaces: Pick<PruneChoice, 'reservedSpace' | 'maxUsedSpace' | 'minFreeSpace'>;
}

export interface BuildPruneReport {
  readonly CachesDeleted: string[] | null;
  readonly SpaceReclaimed: number;
}

export interface StreamChoice {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

export interface AttachRequest extends StreamChoice {
  /** Give past output first (`logs=1`). */
  readonly logs: boolean;
  /** Stay (`stream=1`). */
  readonly stream: boolean;
  readonly detachKeys: string;
}

export interface LogRequest {
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly follow: boolean;
  /** As the API gives them: seconds with a fraction, or RFC 3339. */
  readonly since: string;
  readonly until: string;
  readonly tail: string;
  readonly timestamps: boolean;
  readonly details: boolean;
}

export interface ContainerUseCases {
  /** `name` empty: one is made. Warnings as Docker gives them. */
  create(name: string, request: CreateRequest, options: { platform: string; signal: AbortSignal }): Promise<{ Id: string; Warnings: string[] }>;
  list(options: { all: boolean; limit: number; size: boolean; filters: Filters }): Promise<ContainerSummary[]>;
  inspect(reference: string, options: { size: boolean }): Promise<ContainerInspect>;
  /** @throws container.already_started (kind notModified) */
  start(reference: string, options: { detachKeys: string; signal: AbortSignal }): Promise<void>;
  /** `timeout` seconds: undefined the container's own, -1 none. @throws container.already_stopped (kind notModified) */
  stop(reference: string, options: { timeout: number | undefined; signalName: string; requester?: Requester | undefined; signal: AbortSignal }): Promise<void>;
  restart(reference: string, options: { timeout: number | undefined; signalName: string; requester?: Requester | undefined; signal: AbortSignal }): Promise<void>;
  kill(reference: string, signalName: string, requester?: Requester): Promise<void>;
  /** Why it is as it is: one verdict, with its proof. */
  /** Who can reach its published ports. @throws container.not_found */
  reach(reference: string): Promise<PortReach[]>;
  explain(reference: string, signal: AbortSignal): Promise<Explanation>;
  /** @throws Docker's texts; the container is then as before */
  update(reference: string, request: UpdateRequest): Promise<{ Warnings: string[] | null }>;
  /** @throws container.not_running, container.already_paused */
  pause(reference: string): Promise<void>;
  /** @throws container.not_paused */
  unpause(reference: string): Promise<void>;
  rename(reference: string, name: string): Promise<void>;
  remove(reference: string, options: { force: boolean; volumes: boolean; link: boolean; requester?: Requester | undefined; signal: AbortSignal }): Promise<void>;
  /** Resolves the container now (so that errors come before headers), and its exit later. Condition: `not-running` (default), `next-exit`, `removed`. */
  wait(reference: string, condition: string, signal: AbortSignal): Promise<{ result: Promise<{ StatusCode: number; Error?: { Message: string } }> }>;
  /** `terminal`: whether bytes are raw. The chunks are framed already. */
  logs(reference: string, request: LogRequest, signal: AbortSignal): Promise<{ terminal: boolean; chunks: AsyncIterable<Buffer> }>;
  /** Checks first (so that errors come before the hijack), then `join` connects a client's socket and resolves when the stream ended or was detached. */
  attach(reference: string, request: AttachRequest): Promise<{ terminal: boolean; join: (client: Duplex, signal: AbortSignal) => Promise<void> }>;
  resize(reference: string, size: { rows: number; columns: number }): Promise<void>;
  top(reference: string, psArguments: string): Promise<{ Titles: string[]; Processes: string[][] }>;
  /** Resolves the container now; without `stream` there is one answer, after a second unless `oneShot`. @throws container.not_found */
  stats(reference: string, request: { stream: boolean; oneShot: boolean }, signal: AbortSignal): AsyncIterable<ContainerStats>;
  prune(filters: Filters, signal: AbortSignal): Promise<{ ContainersDeleted: string[] | null; SpaceReclaimed: number }>;
}

/** The files of containers. */
export interface ArchiveUseCases {
  /** What the container changed against its image; a directory before what is in it. */
  changes(reference: string): Promise<FilesystemChange[]>;
  /** @throws archive.path_not_found */
  stat(reference: string, path: string, signal: AbortSignal): Promise<ContainerPathStat>;
  /** A tar archive of what is at the path, in the container's root file system, binds and volumes. @throws archive.path_not_found */
  copyOut(reference: string, path: string, signal: AbortSignal): Promise<{ stat: ContainerPathStat; archive: AsyncIterable<Buffer> }>;
  /** Unpacks an archive (maybe compressed) in a directory of the container. @throws archive.path_not_found, archive.not_a_directory, archive.root_read_only, archive.volume_read_only */
  copyIn(reference: string, path: string, archive: Readable, options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean; signal: AbortSignal }): Promise<void>;
  /** A tar archive of the root file system. */
  export(reference: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>>;
}

export interface ExecUseCases {
  create(containerReference: string, request: ExecRequest): Promise<{ Id: string }>;
  /** Detached start resolves when the process runs. */
  startDetached(id: string, signal: AbortSignal): Promise<void>;
  /** Checks first, then `join` starts the process with the client attached and resolves when it ended. */
  startAttached(id: string, request: { tty: boolean; consoleSize?: { rows: number; columns: number } | undefined }): Promise<{ terminal: boolean; join: (client: Duplex, signal: AbortSignal) => Promise<void> }>;
  inspect(id: string): Promise<ExecInspect>;
  resize(id: string, size: { rows: number; columns: number }): Promise<void>;
}

export interface ImageUseCases {
  list(options: { all: boolean; filters: Filters; sharedSize: boolean }): Promise<ImageSummary[]>;
  inspect(reference: string, options: { platform: Platform | undefined; origin: boolean }): Promise<ImageInspect>;
  history(reference: string, platform?: Platform): Promise<HistoryEntry[]>;
  tag(reference: string, repository: string, tag: string): Promise<void>;
  remove(reference: string, options: { force: boolean; prune: boolean; platform?: Platform | undefined }): Promise<ImageDeleteEntry[]>;
  prune(filters: Filters): Promise<{ ImagesDeleted: ImageDeleteEntry[] | null; SpaceReclaimed: number }>;
  load(archive: Readable, options: { quiet: boolean; platform?: Platform | undefined; disposable?: boolean | undefined; signal: AbortSignal }): AsyncIterable<ProgressMessage>;
  save(references: readonly string[], options: { platform?: Platform | undefined; signal: AbortSignal }): Promise<Readable>;
  import(archive: Readable, options: { repository: string; tag: string; message: string; changes: readonly string[]; platform: string; source: string; signal: AbortSignal }): AsyncIterable<ProgressMessage>;
  pull(reference: string, options: { platform: string; authorization: string; signal: AbortSignal }): AsyncIterable<ProgressMessage>;
  /** A name without a tag pushes all of them. */
  push(reference: string, options: { platform: Platform | undefined; authorization: string; signal: AbortSignal }): AsyncIterable<ProgressMessage>;
  bootstrap(name: string, signal: AbortSignal): AsyncIterable<ProgressMessage>;
}

export interface NetworkUseCases {
  list(filters: Filters, options?: { readonly containers?: boolean }): Promise<NetworkInspect[]>;
  /** `usage`: with how much of its subnets is in use. */
  inspect(reference: string, options?: { readonly usage?: boolean }): Promise<NetworkInspect>;
  /** @throws network.name_taken and Docker's other texts; nothing is left behind then */
  create(request: NetworkCreateRequest): Promise<{ Id: string; Warning: string }>;
  /** @throws network.not_found, network.remove_predefined, network.in_use */
  remove(reference: string): Promise<void>;
  connect(reference: string, request: NetworkConnectRequest): Promise<void>;
  disconnect(reference: string, request: NetworkDisconnectRequest): Promise<void>;
  /** Removes networks on which no container is running. */
  prune(filters: Filters, signal: AbortSignal): Promise<{ NetworksDeleted: string[] | null }>;
}

export interface VolumeUseCases {
  /** Plugins that do not answer are told of in `Warnings`; their volumes are as they were known last. */
  list(filters: Filters): Promise<VolumeList>;
  /** @throws volume.not_found, volume.driver_unavailable */
  inspect(name: string, signal: AbortSignal): Promise<VolumeView>;
  /** Answers the volume of this name where there is one. @throws volume.*, plugin.* with Docker's texts */
  create(request: VolumeCreateRequest, signal: AbortSignal): Promise<VolumeView>;
  /** With `force` a volume that is not there is no error. @throws volume.not_found, volume.in_use */
  remove(name: string, options: { force: boolean }): Promise<void>;
  /** `named`: not only those without a name; the filter `all` asks for the same. */
  prune(filters: Filters, options: { named: boolean; signal: AbortSignal }): Promise<VolumePruneReport>;
  /** Copies the volume into a new one; what runs goes on writing meanwhile. An extension of our own. @throws volume.exists, volume.not_found */
  clone(name: string, request: VolumeCloneRequest, signal: AbortSignal): Promise<VolumeView>;
  /** The content as an archive. An extension of our own. @throws volume.not_found */
  export(name: string, signal: AbortSignal): Promise<Readable>;
  /** Makes a volume of an archive, plain or compressed by gzip or zstd. An extension of our own. @throws volume.exists, kernel.archive_failed */
  import(name: string, archive: Readable, signal: AbortSignal): Promise<VolumeView>;
  /** What was changed to make the volume of `base`. An extension of our own. @throws volume.not_found */
  diff(name: string, base: string): Promise<VolumeChange[]>;
  /** Those whose content takes the engine's disk, with their sizes and the number of containers that use them. */
  usage(): Promise<VolumeView[]>;
}

export interface RegistryUseCases {
  /** @throws registry.login_refused, registry.unreachable and their like, with Docker's texts */
  logIn(request: LoginRequest, signal: AbortSignal): Promise<LoginAnswer>;
  /** `limit` 0: the index's own. */
  search(term: string, options: { limit: number; filters: Filters; authorization: string; signal: AbortSignal }): Promise<SearchResult[]>;
  /** What a name stands for at its registry. @throws registry.not_found, registry.denied, registry.login_refused, registry.unreachable */
  describe(name: string, options: { authorization: string; signal: AbortSignal }): Promise<DistributionView>;
}

export interface SystemUseCases {
  /** Header values of `/_ping`. */
  readonly version: { readonly engine: string; readonly api: string; readonly minimumApi: string };
  /** What clients are told with every answer, and what `/_ping` says of the builder they are to use. */
  readonly offers: { readonly experimental: boolean; readonly builderVersion: '1' | '2' };
  /** The body of `/version`. */
  versionDocument(): Promise<object>;
  /** The body of `/info`. */
  info(): Promise<object>;
  diskUsage(types: readonly string[]): Promise<object>;
  /** Whose every file below the data root is; `deep`: contents are compared with their digests. */
  checkStorage(options: { deep: boolean; signal: AbortSignal }): Promise<StorageReport>;
  /** Past events from `since`, then live ones until `until` (nanoseconds) or the signal. */
  events(options: { since: bigint | undefined; until: bigint | undefined; filters: Filters; signal: AbortSignal }): AsyncIterable<EventMessage>;
}

export interface BuildRequest {
  /** Address of the context; empty: it is sent. */
  readonly remote: string;
  /** Path of the Dockerfile in the context; empty: `Dockerfile`. */
  readonly dockerfile: string;
  /** Names to give the image. */
  readonly tags: readonly string[];
  /** Null: named without a value. */
  readonly buildArguments: ReadonlyMap<string, string | null>;
  readonly labels: ReadonlyMap<string, string>;
  readonly target: string;
  readonly noCache: boolean;
  /** Images whose steps count as made before; empty: all that are here. */
  readonly cacheFrom: readonly string[];
  readonly pull: boolean;
  readonly quiet: boolean;
  /** Remove the containers of a step that succeeded, and of any step. */
  readonly remove: boolean;
  readonly forceRemove: boolean;
  readonly platform: string;
  /** `X-Registry-Config`. */
  readonly authorizations: string;
  /** What the containers of the build are made with. */
  readonly hostConfig: CreateRequest['HostConfig'];
}

export interface CommitRequest {
  readonly repository: string;
  readonly tag: string;
  readonly author: string;
  readonly comment: string;
  readonly changes: readonly string[];
  readonly pause: boolean;
  /** Undefined: the container's own. */
  readonly config: Omit<CreateRequest, 'HostConfig' | 'NetworkingConfig'> | undefined;
}

export interface BuildUseCases {
  /** The classic builder. `context` is a tar archive, maybe compressed. The failure of a step is the last message. @throws what stands in the way before the first */
  build(context: Readable, request: BuildRequest, signal: AbortSignal): AsyncIterable<ProgressMessage>;
  /** Makes an image of a container. */
  commit(reference: string, request: CommitRequest, signal: AbortSignal): Promise<{ Id: string }>;
  /** Deletes what builds keep besides images. @throws build.prune_refused */
  prune(request: BuildPruneRequest): Promise<BuildPruneReport>;
}

export interface Engine {
  readonly builds: BuildUseCases;
  readonly solver: BuildSolver;
  readonly archives: ArchiveUseCases;
  readonly containers: ContainerUseCases;
  readonly execs: ExecUseCases;
  readonly images: ImageUseCases;
  readonly networks: NetworkUseCases;
  readonly registries: RegistryUseCases;
  readonly volumes: VolumeUseCases;
  readonly system: SystemUseCases;
}
