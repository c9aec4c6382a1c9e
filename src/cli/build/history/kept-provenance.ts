/** The provenance that the daemon keeps of a build, as `docker buildx build` tells it in its metadata. */
import type { GrpcCaller } from '#base/grpc/grpc-call.ts';
import { contentMethods, ReadRequest, ReadResponse } from '#schema/buildkit/content-messages.ts';
import type { BuildRecord } from './build-history.ts';

interface Predicate {
  readonly invocation?: { readonly parameters?: { readonly args?: unknown } };
  readonly metadata?: unknown;
}

/** Without what only the whole document tells: arguments and what was going on. Undefined: nothing is kept. */
export async function keptProvenance(solver: GrpcCaller, { result }: BuildRecord, signal: AbortSignal): Promise<object | undefined> {
  const found = result?.attestations.find(({ annotations }) => annotations['in-toto.io/predicate-type']?.startsWith('https://slsa.dev/provenance/') === true);
  if (found === undefined) return undefined;
  const call = solver.call(contentMethods.read, { signal });
  await call.send(ReadRequest.encode({ digest: found.digest }));
  call.end();
  const parts: Buffer[] = [];
  for await (const message of call.messages) parts.push(ReadResponse.decode(message).data);
  const { metadata: _metadata, invocation, ...rest } = JSON.parse(Buffer.concat(parts).toString('utf8')) as Predicate;
  if (invocation === undefined) return rest;
  const { args: _args, ...parameters } = invocation.parameters ?? {};
  return { ...rest, invocation: { ...invocation, parameters } };
}
