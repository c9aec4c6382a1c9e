/** Failures of builds as gRPC's statuses with the details that BuildKit's clients print: the lines of the Dockerfile. */
import { EngineError, isFailure, messageOf } from '#base/errors/failure.ts';
import { GrpcError, statusCodes } from '#base/grpc/grpc-status.ts';
import { RpcStatus } from '#schema/buildkit/common-messages.ts';

interface LineRange {
  readonly start: number;
  readonly end: number;
}

/** What `error` is to a client. A status passes as it is. */
export function solveError(error: unknown): unknown {
  if (!(error instanceof EngineError)) return error;
  const code = isFailure(error, 'build.ref_unknown') ? statusCodes.notFound : statusCodes.unknown;
  const details = [...vertexDetail(error), ...sourceDetail(error)];
  const status = { code, message: messageOf(error), details: details.map(({ type, value }) => ({ typeUrl: `github.com/moby/buildkit/${type}+json`, value: Buffer.from(JSON.stringify(value)) })) };
  return new GrpcError(code, status.message, { details: RpcStatus.encode(status), cause: error });
}

interface Detail {
  readonly type: string;
  readonly value: object;
}

function vertexDetail({ details }: EngineError): Detail[] {
  const { vertex } = details;
  return typeof vertex === 'string' ? [{ type: 'errdefs.Vertex', value: { digest: vertex } }] : [];
}

function sourceDetail({ details }: EngineError): Detail[] {
  const { source, range } = details;
  if (!isSource(source) || !isRange(range)) return [];
  const position = (line: number): object => ({ line });
  const also = Array.isArray(details['alsoRanges']) ? details['alsoRanges'].filter(isRange) : [];
  return [range, ...also].map(({ start, end }) => ({
    type: 'errdefs.Source',
    value: { info: { filename: source.name, data: Buffer.from(source.text).toString('base64'), language: 'Dockerfile' }, ranges: [{ start: position(start), end: position(end) }] },
  }));
}

function isSource(value: unknown): value is { name: string; text: string } {
  return typeof value === 'object' && value !== null && 'name' in value && 'text' in value;
}

function isRange(value: unknown): value is LineRange {
  return typeof value === 'object' && value !== null && 'start' in value && 'end' in value;
}
