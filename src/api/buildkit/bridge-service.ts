/** `moby.buildkit.v1.frontend.LLBBridge` (moby/buildkit v0.25, frontend/gateway/pb): builds that their client drives. */
import type { IncomingHttpHeaders } from 'node:http';
import { fail } from '#base/errors/failure.ts';
import { GrpcError, statusCodes } from '#base/grpc/grpc-status.ts';
import { unary, type GrpcMethod } from '#base/grpc/grpc-call.ts';
import type { BuildSolver, FrontendRef } from '#engine/solver/contract.ts';
import { GatewaySolveRequest, GatewaySolveResponse, PongResponse, ReadFileRequest, ReadFileResponse, Ref, Result, ReturnRequest } from '#schema/buildkit/gateway-messages.ts';
import type { MessageOf } from '#base/protobuf/message-type.ts';
import { RpcStatus, type Capability } from '#schema/buildkit/common-messages.ts';
import { telling } from './control-service.ts';
import { definitionOf, layersOf } from './result-definition.ts';
import { workerRecord } from './worker-record.ts';

const service = '/moby.buildkit.v1.frontend.LLBBridge';
const buildIdKey = 'buildkit-controlapi-buildid';

/** What the client may use of the frontend's calls. */
const frontendCapabilities = [
  'solve.base', 'solve.inlinereturn', 'resolveimage', 'resolveimage.resolvemode', 'readfile', 'return', 'returnmap', 'proto.refarray', 'importcaches', 'reference.output', 'frontend.inputs', 'gateway.evaluate', 'gateway.solve.metadata', 'gateway.warnings',
];

/** What outputs can be. */
const definitionCapabilities = ['exporter.image.attestations', 'exporter.multiple'];

function enabled(id: string): MessageOf<typeof Capability> {
  return { id, enabled: true, deprecated: false, disabledReason: '', disabledReasonMessage: '', disabledAlternative: '' };
}

export function bridgeMethods(solver: BuildSolver): [string, GrpcMethod][] {
  return [
    [`${service}/Ping`, unary(async () => await Promise.resolve(PongResponse.encode({
      frontendCapabilities: frontendCapabilities.map(enabled),
      definitionCapabilities: definitionCapabilities.map(enabled),
      workers: [workerRecord(solver)],
    })))],
    [`${service}/Solve`, telling(unary(async (message, { metadata, signal }) => {
      const request = GatewaySolveRequest.decode(message);
      const isGateway = request.frontend === 'gateway.v0';
      if (request.frontend !== 'dockerfile.v0' && !isGateway) throw new GrpcError(statusCodes.unimplemented, request.frontend === '' ? 'builds from low-level definitions are not supported: use the dockerfile.v0 frontend' : `unknown frontend: ${request.frontend}`);
      const inputs = new Map(Object.entries(request.frontendInputs).flatMap(([name, definition]) => (definition === undefined ? [] : [[name, layersOf(definition)] as const])));
      const { refs, metadata: told } = await solver.frontend(buildIdOf(metadata), { attributes: isGateway ? gatewayOptions(request.frontendOptions) : request.frontendOptions, inputs }, signal);
      const single = refs.get('');
      const refOf = ({ id, top }: FrontendRef): ReturnType<typeof Ref.of> => Ref.of({ id, definition: definitionOf(top) });
      const result = Result.of({
        metadata: told,
        ...(single !== undefined ? { ref: refOf(single) } : { refs: { refs: Object.fromEntries([...refs].map(([platform, ref]) => [platform, refOf(ref)])) } }),
      });
      return GatewaySolveResponse.encode({ ref: single?.id ?? '', result });
    }))],
    [`${service}/Return`, telling(unary(async (message, { metadata, signal }) => {
      const { result, error } = ReturnRequest.decode(message);
      const build = buildIdOf(metadata);
      if (error !== undefined && error.code !== statusCodes.ok) await solver.finish(build, { error: new GrpcError(error.code, error.message, { details: RpcStatus.encode(error) }) }, signal);
      else await solver.finish(build, { refs: refsOf(result) }, signal);
      return Buffer.alloc(0);
    }))],
    [`${service}/ReadFile`, telling(unary(async (message, { metadata }) => {
      const { ref, path, range } = ReadFileRequest.decode(message);
      const data = await solver.readFile(buildIdOf(metadata), ref, path);
      return ReadFileResponse.encode({ data: range === undefined ? data : data.subarray(range.offset, range.length === 0 ? undefined : range.offset + range.length) });
    }))],
    // Results are made before they are answered.
    [`${service}/Evaluate`, unary(async () => await Promise.resolve(Buffer.alloc(0)))],
    [`${service}/Warn`, unary(async () => await Promise.resolve(Buffer.alloc(0)))],
  ];
}

/** A frontend by its image is checked as the one that the Dockerfile's first line names. */
function gatewayOptions({ source = '', ...options }: Readonly<Record<string, string>>): Record<string, string> {
  return { ...options, 'build-arg:BUILDKIT_SYNTAX': source };
}

function refsOf(result: ReturnType<typeof Result.of> | undefined): string[] {
  if (result?.ref !== undefined && result.ref.id !== '') return [result.ref.id];
  return Object.values(result?.refs?.refs ?? {}).flatMap((ref) => (ref === undefined || ref.id === '' ? [] : [ref.id]));
}

/** The build a call belongs to. @throws build.ref_unknown */
function buildIdOf(metadata: IncomingHttpHeaders): string {
  const value = metadata[buildIdKey];
  if (typeof value !== 'string') throw fail('build.ref_unknown', { ref: '' });
  return value;
}
