/** Messages that several of BuildKit's services use (moby/buildkit v0.25: solver/pb, api/types, google.protobuf, google.rpc). */
import { bytes, byteStrings, flag, integer, list, map, messageType, nested, text, texts, type MessageOf } from '#base/protobuf/message-type.ts';

/** `google.protobuf.Timestamp`. */
export const Timestamp = messageType({ seconds: integer(1), nanos: integer(2) });
export type Timestamp = MessageOf<typeof Timestamp>;

/** `google.protobuf.Any`. */
export const AnyMessage = messageType({ typeUrl: text(1), value: bytes(2) });

/** `google.rpc.Status`. */
export const RpcStatus = messageType({ code: integer(1), message: text(2), details: list(3, AnyMessage) });
export type RpcStatus = MessageOf<typeof RpcStatus>;

export const Platform = messageType({ architecture: text(1), os: text(2), variant: text(3), osVersion: text(4), osFeatures: texts(5) });
export const Position = messageType({ line: integer(1), character: integer(2) });
export const Range = messageType({ start: nested(1, Position), end: nested(2, Position) });
export const SourceInfo = messageType({ filename: text(1), data: bytes(2), language: text(4) });
/** `pb.OpMetadata`, of which only is looked at that it is there. */
export const OperationMetadata = messageType({ ignoreCache: flag(1) });
export const Definition = messageType({ def: byteStrings(1), metadata: map(2, nested(2, OperationMetadata)) });
/** `pb.Op`, as far as it is used: an input of another operation, or a source. */
export const OperationInput = messageType({ digest: text(1), index: integer(2) });
export const SourceOperation = messageType({ identifier: text(1) });
export const BuildOperation = messageType({ inputs: list(1, OperationInput), source: nested(3, SourceOperation) });

export const BuildkitVersion = messageType({ package: text(1), version: text(2), revision: text(3), dockerfileVersion: text(4) });
export const GarbagePolicy = messageType({ all: flag(1), keepDuration: integer(2), reservedSpace: integer(3), filters: texts(4), maxUsedSpace: integer(5), minFreeSpace: integer(6) });
export const WorkerRecord = messageType({ id: text(1), labels: map(2, text(2)), platforms: list(3, Platform), garbagePolicies: list(4, GarbagePolicy), buildkitVersion: nested(5, BuildkitVersion) });

/** `apicaps.APICap`. */
export const Capability = messageType({ id: text(1), enabled: flag(2), deprecated: flag(3), disabledReason: text(4), disabledReasonMessage: text(5), disabledAlternative: text(6) });

/** `errdefs.Vertex`, `errdefs.Source`: details of a failure. */
export const FailedVertex = messageType({ digest: text(1) });
export const FailedSource = messageType({ info: nested(1, SourceInfo), ranges: list(2, Range) });

/** `BytesMessage` of every service that carries raw streams. */
export const BytesMessage = messageType({ data: bytes(1) });
