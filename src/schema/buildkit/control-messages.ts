/** Messages of `moby.buildkit.v1.Control` (moby/buildkit v0.25: api/services/control). */
import { bytes, byteStrings, flag, integer, list, map, messageType, nested, text, texts, type MessageOf } from '#base/protobuf/message-type.ts';
import { BuildkitVersion, Definition, Range, RpcStatus, SourceInfo, Timestamp, WorkerRecord } from './common-messages.ts';

export const CacheEntry = messageType({ type: text(1), attributes: map(2, text(2)) });
export const CacheOptions = messageType({ exports: list(4, CacheEntry), imports: list(5, CacheEntry) });
export const Exporter = messageType({ type: text(1), attributes: map(2, text(2)) });

export const ControlSolveRequest = messageType({
  ref: text(1), definition: nested(2, Definition), exporter: text(3), exporterAttributes: map(4, text(2)), session: text(5), frontend: text(6), frontendAttributes: map(7, text(2)),
  cache: nested(8, CacheOptions), entitlements: texts(9), internal: flag(11), exporters: list(13, Exporter), enableSessionExporter: flag(14),
});
export type ControlSolveRequest = MessageOf<typeof ControlSolveRequest>;
export const ControlSolveResponse = messageType({ exporterResponse: map(1, text(2)) });

export const StatusRequest = messageType({ ref: text(1) });
export const Vertex = messageType({ digest: text(1), inputs: texts(2), name: text(3), cached: flag(4), started: nested(5, Timestamp), completed: nested(6, Timestamp), error: text(7) });
export type Vertex = MessageOf<typeof Vertex>;
export const VertexStatus = messageType({
  id: text(1), vertex: text(2), name: text(3), current: integer(4), total: integer(5), timestamp: nested(6, Timestamp), started: nested(7, Timestamp), completed: nested(8, Timestamp),
});
export type VertexStatus = MessageOf<typeof VertexStatus>;
export const VertexLog = messageType({ vertex: text(1), timestamp: nested(2, Timestamp), stream: integer(3), message: bytes(4) });
export type VertexLog = MessageOf<typeof VertexLog>;
export const VertexWarning = messageType({ vertex: text(1), level: integer(2), short: bytes(3), detail: byteStrings(4), url: text(5), info: nested(6, SourceInfo), ranges: list(7, Range) });
export type VertexWarning = MessageOf<typeof VertexWarning>;
export const StatusResponse = messageType({ vertexes: list(1, Vertex), statuses: list(2, VertexStatus), logs: list(3, VertexLog), warnings: list(4, VertexWarning) });
export type StatusResponse = MessageOf<typeof StatusResponse>;

export const ListWorkersResponse = messageType({ records: list(1, WorkerRecord) });
export const InfoResponse = messageType({ buildkitVersion: nested(1, BuildkitVersion) });

export const UsageRecord = messageType({
  id: text(1), mutable: flag(2), inUse: flag(3), size: integer(4), parent: text(5), createdAt: nested(6, Timestamp), lastUsedAt: nested(7, Timestamp), usageCount: integer(8), description: text(9),
  recordType: text(10), shared: flag(11), parents: texts(12),
});
export type UsageRecord = MessageOf<typeof UsageRecord>;
export const DiskUsageRequest = messageType({ filter: texts(1), ageLimit: integer(2) });
export const DiskUsageResponse = messageType({ records: list(1, UsageRecord) });
export const PruneRequest = messageType({ filter: texts(1), all: flag(2), keepDuration: integer(3), reservedSpace: integer(4), maxUsedSpace: integer(5), minFreeSpace: integer(6) });

export const BuildHistoryRequest = messageType({ activeOnly: flag(1), ref: text(2), earlyExit: flag(3), filter: texts(4), limit: integer(5) });
export const ContentDescriptor = messageType({ mediaType: text(1), digest: text(2), size: integer(3), annotations: map(5, text(2)) });
/** What a build gave, with what attests it. */
export const BuildResult = messageType({ attestations: list(2, ContentDescriptor) });
export const BuildHistoryRecord = messageType({
  ref: text(1), frontend: text(2), frontendAttributes: map(3, text(2)), exporters: list(4, Exporter), error: nested(5, RpcStatus), createdAt: nested(6, Timestamp), completedAt: nested(7, Timestamp),
  logs: nested(8, ContentDescriptor), exporterResponse: map(9, text(2)), result: nested(10, BuildResult), generation: integer(12), pinned: flag(14), numCachedSteps: integer(15), numTotalSteps: integer(16), numCompletedSteps: integer(17), numWarnings: integer(19),
});
export const BuildHistoryEvent = messageType({ type: integer(1), record: nested(2, BuildHistoryRecord) });
export const UpdateBuildHistoryRequest = messageType({ ref: text(1), pinned: flag(2), delete: flag(3), finalize: flag(4) });
