/** `moby.buildkit.v1.Control/Session` (moby/buildkit v0.25, session/grpchijack): a client's session as a call, its connection in messages of bytes. */
import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import { GrpcClient } from '#base/grpc/grpc-client.ts';
import type { GrpcCall, GrpcMethod } from '#base/grpc/grpc-call.ts';
import { GrpcError, statusCodes } from '#base/grpc/grpc-status.ts';
import type { BuildSolver } from '#engine/solver/contract.ts';
import { BytesMessage } from '#schema/buildkit/common-messages.ts';
import { ClientSession } from './client-session.ts';

export function sessionMethods(solver: BuildSolver): [string, GrpcMethod][] {
  return [['/moby.buildkit.v1.Control/Session', async (call) => await serveSession(call, solver)]];
}

async function serveSession(call: GrpcCall, solver: BuildSolver): Promise<void> {
  const values = (name: string): string[] => call.values(`x-docker-expose-session-${name}`);
  const [id = ''] = values('uuid');
  if (id === '') throw new GrpcError(statusCodes.invalidArgument, 'a session has no id: the header X-Docker-Expose-Session-Uuid is missing');
  const methods = new Set(values('grpc-method').flatMap((value) => value.split(',')).map((value) => value.trim()));
  const [inner, outer] = duplexPair();
  using client = new ClientSession(new GrpcClient(outer), { id, sharedKey: values('sharedkey')[0] ?? '', methods });
  using _known = solver.addSession(client);
  const ended = AbortSignal.any([client.gone, call.signal]);
  const receive = async (): Promise<void> => {
    for await (const message of call.messages) {
      if (!inner.write(BytesMessage.decode(message).data)) await once(inner, 'drain', { signal: ended });
    }
    inner.end();
  };
  const send = async (): Promise<void> => {
    for await (const data of inner as AsyncIterable<Buffer>) await call.send(BytesMessage.encode({ data }));
  };
  // Either direction ends with the connection, which tells its users.
  for (const work of [receive(), send()]) work.catch(() => inner.destroy());
  if (!ended.aborted) await new Promise<void>((resolve) => ended.addEventListener('abort', () => resolve(), { once: true }));
  inner.destroy();
}
