/**
 * `POST /grpc` and `POST /session`: HTTP/2 on the connection from then on, for BuildKit's clients. Our own client has
 * both on one connection and without HTTP/2: an upgrade of `/session` to `dhow-calls`.
 */
import { CallLink, linkProtocol } from '#base/grpc/call-link.ts';
import { GrpcClient } from '#base/grpc/grpc-client.ts';
import type { GrpcMethods } from '#base/grpc/grpc-call.ts';
import { serveGrpc } from '#base/grpc/grpc-server.ts';
import { fail } from '#base/errors/failure.ts';
import type { Call, Hijack } from '../exchange.ts';
import type { Route } from '../route-table.ts';
import { bridgeMethods } from '../buildkit/bridge-service.ts';
import { ClientSession } from '../buildkit/client-session.ts';
import { contentServiceMethods } from '../buildkit/content-service.ts';
import { controlMethods } from '../buildkit/control-service.ts';
import { sessionMethods } from '../buildkit/session-service.ts';
import { healthMethods } from '../buildkit/health-service.ts';
import type { BuildSolver } from '#engine/solver/contract.ts';
import type { ApiVersion } from '../requests/api-version.ts';
import { stepHostConfig } from './step-host-config.ts';

export function buildkitRoutes(): readonly Route[] {
  return [
    { method: 'POST', path: '/grpc', hijack: grpc },
    { method: 'POST', path: '/session', hijack: session },
  ];
}

async function grpc(hijack: Hijack, { engine, version }: Call): Promise<void> {
  checkProtocol(hijack);
  await serveGrpc(hijack.take('', { standardHeaders: false, protocol: 'h2c' }), { methods: methodsOf(engine.solver, version), signal: hijack.signal, onFault: (error) => hijack.report(error) });
}

function methodsOf(solver: BuildSolver, version: ApiVersion): GrpcMethods {
  return new Map([...controlMethods({ solver, hostConfig: () => stepHostConfig(version) }), ...sessionMethods(solver), ...bridgeMethods(solver), ...contentServiceMethods(solver), ...healthMethods()]);
}

async function session(hijack: Hijack, { engine, version }: Call): Promise<void> {
  const linked = hijack.protocol === linkProtocol;
  if (!linked) checkProtocol(hijack);
  const header = (name: string): string => [hijack.headers[`x-docker-expose-session-${name}`] ?? ''].flat()[0] ?? '';
  const id = header('uuid');
  if (id === '') throw fail('api.invalid_parameter', { message: 'a session has no id: the header X-Docker-Expose-Session-Uuid is missing' });
  const methods = new Set([hijack.headers['x-docker-expose-session-grpc-method'] ?? []].flat().flatMap((value) => value.split(',')).map((value) => value.trim()));
  const connection = hijack.take('', { standardHeaders: false, protocol: hijack.protocol });
  const link = linked ? new CallLink(connection, { side: 'daemon', methods: methodsOf(engine.solver, version), onFault: (error) => hijack.report(error) }) : undefined;
  {
    using client = new ClientSession(link ?? new GrpcClient(connection), { id, sharedKey: header('sharedkey'), methods });
    using _known = engine.solver.addSession(client);
    const ended = AbortSignal.any([client.gone, hijack.signal]);
    if (!ended.aborted) await new Promise<void>((resolve) => ended.addEventListener('abort', () => resolve(), { once: true }));
  }
  await link?.settled();
}

function checkProtocol({ protocol }: Hijack): void {
  if (protocol !== 'h2c') throw fail('api.invalid_parameter', { message: `protocol ${protocol} not supported` });
}
