/** What the doors of the solver (BuildKit's services) call. */
import type { OwnedPath } from '#image/contract.ts';
import type { Readable } from 'node:stream';
import type { HostConfig } from '#schema/container-config.ts';
import type { BuildHistoryRecord, StatusResponse, UsageRecord } from '#schema/buildkit/control-messages.ts';
import type { MessageOf } from '#base/protobuf/message-type.ts';
import type { CollectionRule } from './collection-rules.ts';
import type { BuildSession } from './build-session.ts';

export interface BuildExporter {
  readonly type: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface SolveCall {
  /** The client's name of the build. */
  readonly ref: string;
  readonly session: string;
  /** Empty: the client drives the frontend itself, by {@link BuildSolver.frontend} and {@link BuildSolver.finish}. */
  readonly frontend: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly exporters: readonly BuildExporter[];
  /** Where the build's cache goes, as well. */
  readonly cacheExports: readonly BuildExporter[];
  readonly entitlements: readonly string[];
  /** A probe: not kept in the history. */
  readonly internal: boolean;
  /** What the containers of its steps are made with. */
  readonly hostConfig: HostConfig;
  /** The context where it came with the call, for the attribute `context` of {@link uploadedContext}; undefined: the client's session has it. */
  readonly upload?: AsyncIterable<Uint8Array> | undefined;
}

/** Address of a context that is uploaded (moby/buildkit, session/upload). */
export const uploadedContext = 'http://buildkit-session/';

/** What a client's frontend is asked. */
export interface FrontendCall {
  readonly attributes: Readonly<Record<string, string>>;
  /** Results of other builds by the names that contexts have of them (`input:NAME`): chain ids; undefined: no layers. */
  readonly inputs: ReadonlyMap<string, string | undefined>;
}

export interface FrontendRef {
  readonly id: string;
  /** Chain id; undefined: no layers. */
  readonly top: string | undefined;
}

/** What a frontend made: a result for each platform, by name; one without a name when no platforms were asked for by name. */
export interface FrontendResult {
  readonly refs: ReadonlyMap<string, FrontendRef>;
  readonly metadata: Readonly<Record<string, Buffer>>;
}

export type PruneChoice = CollectionRule;

export type UsageView = MessageOf<typeof UsageRecord>;
export type HistoryView = MessageOf<typeof BuildHistoryRecord>;

export interface BuildSolver {
  /** Makes a client's session known until disposed. */
  addSession(session: BuildSession): Disposable;
  /** A build; answers what was exported. @throws build.solve_failed */
  solve(call: SolveCall, signal: AbortSignal): Promise<Record<string, string>>;
  /** What a build tells. Waits a little for a build that has not begun. @throws build.ref_unknown */
  status(ref: string, signal: AbortSignal): AsyncIterable<Partial<StatusResponse>>;
  /** Runs the Dockerfile of a build that its client drives. @throws build.solve_failed, build.ref_unknown */
  frontend(ref: string, call: FrontendCall, signal: AbortSignal): Promise<FrontendResult>;
  /** Ends such a build with a result of its frontend, or a failure. Waits a little for a build that has not begun. @throws build.ref_unknown */
  finish(ref: string, outcome: { refs: readonly string[] } | { error: unknown }, signal: AbortSignal): Promise<void>;
  /** A file of a result. @throws build.solve_failed */
  readFile(ref: string, result: string, path: string): Promise<Buffer>;
  usage(filters: readonly string[]): Promise<UsageView[]>;
  /** What a cache mount of this id holds, as a tar archive. @throws build.cache_mount_missing */
  exportCacheMount(id: string, signal: AbortSignal): Readable;
  /** Deletes what builds keep; yields what is gone. */
  prune(choice: PruneChoice): AsyncIterable<UsageView>;
  /** Builds, newest last; with `ref` that one alone. */
  history(choice: { ref: string; activeOnly: boolean }): { event: 'started' | 'complete'; record: HistoryView }[];
  forget(ref: string): void;
  /** A document of a build of the history, such as its provenance, by its digest. */
  document(digest: string): Buffer | undefined;
  /** What builds keep below the data root, and what those under way have there. */
  ownedPaths(): OwnedPath[];
  /** Id of this place of building. */
  readonly workerId: string;
  /** Whether clients may ask for what Docker can only with its store of manifests; true unless the feature `containerd-snapshotter` is off. */
  keepsManifests(): boolean;
  /** Stops a build; nothing happens when there is none of this name. */
  cancel(ref: string): void;
  /** What of the cache may stay. */
  rules(): readonly CollectionRule[];
  /** Address of the default bridge. */
  hostGateway(): string;
}
