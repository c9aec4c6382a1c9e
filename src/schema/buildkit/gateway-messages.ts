/** Messages of `moby.buildkit.v1.frontend.LLBBridge` (moby/buildkit v0.25: frontend/gateway/pb). */
import { bytes, flag, integer, list, map, messageType, nested, text, type MessageOf } from '#base/protobuf/message-type.ts';
import { Capability, Definition, Platform, RpcStatus, WorkerRecord } from './common-messages.ts';
import { CacheEntry } from './control-messages.ts';
import { Stat } from './file-sync-messages.ts';

export const Ref = messageType({ id: text(1), definition: nested(2, Definition) });
export const RefMap = messageType({ refs: map(1, nested(2, Ref)) });
export const Result = messageType({ ref: nested(3, Ref), refs: nested(4, RefMap), metadata: map(10, bytes(2)) });
export type Result = MessageOf<typeof Result>;
export const ReturnRequest = messageType({ result: nested(1, Result), error: nested(2, RpcStatus) });

export const GatewaySolveRequest = messageType({
  definition: nested(1, Definition), frontend: text(2), frontendOptions: map(3, text(2)), allowResultReturn: flag(5), allowResultArrayRef: flag(6), cacheImports: list(12, CacheEntry), frontendInputs: map(13, nested(2, Definition)), evaluate: flag(14),
});
export const GatewaySolveResponse = messageType({ ref: text(1), result: nested(3, Result) });

export const PongResponse = messageType({ frontendCapabilities: list(1, Capability), definitionCapabilities: list(2, Capability), workers: list(3, WorkerRecord) });
export const ResolveImageConfigRequest = messageType({ ref: text(1), platform: nested(2, Platform), resolveMode: text(3), logName: text(4), resolverType: integer(5), sessionId: text(6) });
export const ResolveImageConfigResponse = messageType({ digest: text(1), config: bytes(2), ref: text(3) });

export const FileRange = messageType({ offset: integer(1), length: integer(2) });
export const ReadFileRequest = messageType({ ref: text(1), path: text(2), range: nested(3, FileRange) });
export const ReadFileResponse = messageType({ data: bytes(1) });
export const ReadDirRequest = messageType({ ref: text(1), path: text(2), includePattern: text(3) });
export const ReadDirResponse = messageType({ entries: list(1, Stat) });
export const StatFileRequest = messageType({ ref: text(1), path: text(2) });
export const StatFileResponse = messageType({ stat: nested(1, Stat) });
