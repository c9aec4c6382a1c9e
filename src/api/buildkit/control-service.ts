/** `moby.buildkit.v1.Control` (moby/buildkit v0.25, api/services/control): builds, their progress, what they keep. */
import { GrpcError, statusCodes } from '#base/grpc/grpc-status.ts';
import { unary, type GrpcCall, type GrpcMethod } from '#base/grpc/grpc-call.ts';
import type { BuildSolver } from '#engine/solver/contract.ts';
import type { HostConfig } from '#schema/container-config.ts';
import type { WorkerRecord } from '#schema/buildkit/common-messages.ts';
import type { MessageOf } from '#base/protobuf/message-type.ts';
import {
  BuildHistoryEvent, BuildHistoryRequest, ControlSolveRequest, ControlSolveResponse, DiskUsageRequest, DiskUsageResponse, InfoResponse, ListWorkersResponse, PruneRequest, StatusRequest, StatusResponse,
  UpdateBuildHistoryRequest, UsageRecord,
} from '#schema/buildkit/control-messages.ts';
import { buildkitVersion, workerRecord } from './worker-record.ts';
import { solveError } from './solve-error.ts';

const service = '/moby.buildkit.v1.Control';
const historyEvents = { started: 0, complete: 1 } as const;

export interface ControlParts {
  readonly solver: BuildSolver;
  /** What the containers of steps are made with. */
  readonly hostConfig: () => HostConfig;
}

export function controlMethods({ solver, hostConfig }: ControlParts): [string, GrpcMethod][] {
  return [
    [`${service}/ListWorkers`, unary(async () => await Promise.resolve(ListWorkersResponse.encode({ records: [record()] })))],
    [`${service}/Info`, unary(async () => await Promise.resolve(InfoResponse.encode({ buildkitVersion })))],
    [`${service}/Solve`, telling(unary(async (message, call) => await solve(message, call)))],
    [`${service}/Status`, telling(async (call) => await status(call))],
    [`${service}/DiskUsage`, unary(async (message) => DiskUsageResponse.encode({ records: await solver.usage(DiskUsageRequest.decode(message).filter) }))],
    [`${service}/Prune`, telling(async (call) => await prune(call))],
    [`${service}/ListenBuildHistory`, telling(async (call) => await history(call))],
    [`${service}/UpdateBuildHistory`, unary(async (message) => {
      const request = UpdateBuildHistoryRequest.decode(message);
      if (request.delete) solver.forget(request.ref);
      return await Promise.resolve(Buffer.alloc(0));
    })],
  ];

  function record(): MessageOf<typeof WorkerRecord> {
    return workerRecord(solver);
  }

  async function solve(message: Buffer, { signal }: GrpcCall): Promise<Buffer> {
    const request = ControlSolveRequest.decode(message);
    if ((request.definition?.def.length ?? 0) > 0) throw new GrpcError(statusCodes.unimplemented, 'builds from low-level definitions are not supported: use the dockerfile.v0 frontend');
    const exporters = request.exporters.length > 0 ? request.exporters : request.exporter === '' ? [] : [{ type: request.exporter, attributes: request.exporterAttributes }];
    const response = await solver.solve(
      {
        ref: request.ref, session: request.session, frontend: request.frontend, exporters, cacheExports: request.cache?.exports ?? [], entitlements: request.entitlements, internal: request.internal, hostConfig: hostConfig(),
        attributes: { ...request.frontendAttributes, ...entitlementsOf(request.entitlements), ...importsOf(request) },
      },
      signal,
    );
    return ControlSolveResponse.encode({ exporterResponse: response });
  }

  async function status(call: GrpcCall): Promise<void> {
    const { ref } = StatusRequest.decode(await onlyMessage(call));
    for await (const told of solver.status(ref, call.signal)) await call.send(StatusResponse.encode(told));
  }

  async function prune(call: GrpcCall): Promise<void> {
    const { filter, all, keepDuration, reservedSpace, maxUsedSpace, minFreeSpace } = PruneRequest.decode(await onlyMessage(call));
    for await (const gone of solver.prune({ all, filters: filter, keepDuration, reservedSpace, maxUsedSpace, minFreeSpace })) await call.send(UsageRecord.encode(gone));
  }

  async function history(call: GrpcCall): Promise<void> {
    const { ref, activeOnly } = BuildHistoryRequest.decode(await onlyMessage(call));
    for (const { event, record: build } of solver.history({ ref, activeOnly })) await call.send(BuildHistoryEvent.encode({ type: historyEvents[event], record: build }));
  }
}

/** Failures of the engine as statuses. */
export function telling(method: GrpcMethod): GrpcMethod {
  return async (call) => {
    try {
      await method(call);
    } catch (error) {
      throw solveError(error);
    }
  };
}

async function onlyMessage({ messages }: GrpcCall): Promise<Buffer> {
  for await (const message of messages) return message;
  throw new GrpcError(statusCodes.invalidArgument, 'no message for a method that takes one');
}

function entitlementsOf(entitlements: readonly string[]): Record<string, string> {
  return entitlements.length === 0 ? {} : { entitlements: entitlements.join(',') };
}

function importsOf({ cache }: MessageOf<typeof ControlSolveRequest>): Record<string, string> {
  const imports = cache?.imports ?? [];
  return imports.length === 0 ? {} : { 'cache-imports': JSON.stringify(imports.map(({ type, attributes }) => ({ Type: type, Attrs: attributes }))) };
}
