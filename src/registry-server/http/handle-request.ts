/** From a request to its answer: who asks, what for, whether that may be, and the handler that does it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RepositoryAction } from '../auth/access-rules.ts';
import { deleteBlob, getBlob } from './blob-requests.ts';
import { Exchange } from './exchange.ts';
import { listReferrers, listRepositories, listTags, search } from './list-requests.ts';
import { deleteManifest, getManifest, putManifest } from './manifest-requests.ts';
import { Refusal } from './refusal.ts';
import { checkedName, parseRoute, type Route } from './route.ts';
import type { Services } from './services.ts';
import { answerToken } from './token-requests.ts';
import { deleteUpload, getUpload, patchUpload, postUpload, putUpload } from './upload-requests.ts';

/** What the log wants to know of a request; filled as it becomes clear. */
export interface RequestFacts {
  route: string;
  repository: string | undefined;
  user: string | undefined;
  error: Refusal | undefined;
  /** Bytes of the body. */
  received: number;
}

const apiVersion = { 'Docker-Distribution-API-Version': 'registry/2.0', 'X-Content-Type-Options': 'nosniff' };

/** @throws Refusal, or what went wrong */
export async function handleRequest(request: IncomingMessage, response: ServerResponse, services: Services, facts: RequestFacts): Promise<void> {
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  if (path.startsWith('/v2')) for (const [name, value] of Object.entries(apiVersion)) response.setHeader(name, value);
  const parsed = parseRoute(path);
  facts.route = parsed.kind;
  const method = request.method ?? '';
  const { authenticator, options } = services;
  if (parsed.kind === 'health') return health(response, method);
  if (parsed.kind === 'ping') return ping(response);
  if (parsed.kind === 'unknown') throw new Refusal('NAME_UNKNOWN', { message: 'there is nothing at this address' });
  if (parsed.kind === 'token') {
    const answer = await answerToken(request, query, authenticator);
    return sendJson(response, answer, { 'Cache-Control': 'no-store' });
  }
  const route = resolveRepository(parsed, method, query, services, response);
  facts.repository = repositoryOf(route);
  const origin = originOf(request, services);
  const challenge = (scope: string | undefined, error: 'invalid_token' | 'insufficient_scope' | undefined): Record<string, string> => {
    const text = authenticator.challenge({ origin, scope, error });
    return text === undefined ? {} : { 'WWW-Authenticate': text };
  };
  const scope = scopeOf(route, method);
  const { authorization } = request.headers;
  let actor;
  try {
    actor = await authenticator.authenticate(authorization);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'UNAUTHORIZED') throw new Refusal('UNAUTHORIZED', { message: error.message, headers: challenge(scope?.text, 'invalid_token') });
    throw error;
  }
  facts.user = actor.name;
  const needsLogin = options.authentication.kind !== 'none' && authorization === undefined;
  const denied = (): Refusal => {
    const headers = challenge(scope?.text, needsLogin ? undefined : 'insufficient_scope');
    return needsLogin || headers['WWW-Authenticate']?.startsWith('Bearer') === true ? new Refusal('UNAUTHORIZED', { headers, detail: scope?.detail }) : new Refusal('DENIED', { detail: scope?.detail });
  };
  if (scope === undefined ? needsLogin : !scope.isAllowed(actor)) throw denied();
  const exchange = new Exchange(request, response, { route, query, origin, actor, slowest: options.limits.slowest, onReceived: (bytes) => (facts.received += bytes) });
  await dispatch(exchange, services);
}

async function dispatch(exchange: Exchange, services: Services): Promise<void> {
  const { route, method } = exchange;
  const isRead = method === 'GET' || method === 'HEAD';
  switch (route.kind) {
    case 'base':
      if (isRead) return exchange.replyJson(200, {});
      break;
    case 'catalog':
      if (isRead) return listRepositories(exchange, services);
      break;
    case 'search':
      if (isRead) return search(exchange, services);
      break;
    case 'metrics':
      if (isRead) return exchange.replyBytes(200, Buffer.from(services.metrics.text()), { 'Content-Type': 'text/plain; version=0.0.4' });
      break;
    case 'tags':
      if (isRead) return await listTags(exchange, services, route.repository);
      break;
    case 'referrers':
      if (isRead) return await listReferrers(exchange, services, route);
      break;
    case 'manifest':
      if (isRead) return await getManifest(exchange, services, route);
      if (method === 'PUT') return await putManifest(exchange, services, writable(services, route));
      if (method === 'DELETE') return await deleteManifest(exchange, services, deletable(services, route));
      break;
    case 'blob':
      if (isRead) return await getBlob(exchange, services, route);
      if (method === 'DELETE') return deleteBlob(exchange, services, deletable(services, route));
      break;
    case 'uploads':
      if (method === 'POST') return await postUpload(exchange, services, writable(services, route).repository);
      break;
    case 'upload':
      if (method === 'GET') return await getUpload(exchange, services, route);
      if (method === 'PATCH') return await patchUpload(exchange, services, writable(services, route));
      if (method === 'PUT') return await putUpload(exchange, services, writable(services, route));
      if (method === 'DELETE') return await deleteUpload(exchange, services, writable(services, route));
      break;
    default:
  }
  throw new Refusal('UNSUPPORTED', { message: `${method} is not supported here` });
}

/** @throws UNSUPPORTED */
function writable<R extends { readonly repository: string }>(services: Services, route: R): R {
  if (services.options.readOnly) throw new Refusal('UNSUPPORTED', { message: 'this registry is read-only' });
  if (services.upstreams?.isCopy(route.repository) === true) throw new Refusal('UNSUPPORTED', { message: `${route.repository} is a copy of an upstream registry: push to that one` });
  return route;
}

/** @throws UNSUPPORTED */
function deletable<R extends { readonly repository: string }>(services: Services, route: R): R {
  if (services.options.readOnly) throw new Refusal('UNSUPPORTED', { message: 'this registry is read-only' });
  if (!services.options.allowDelete) throw new Refusal('UNSUPPORTED', { message: 'deleting is switched off in this registry' });
  return route;
}

/** Pulls of an upstream's content are pulls of its copy here. */
function resolveRepository(route: Route, method: string, query: URLSearchParams, services: Services, response: ServerResponse): Route {
  if (services.upstreams === undefined || !('repository' in route) || (method !== 'GET' && method !== 'HEAD')) return route;
  const namespace = query.get('ns') ?? undefined;
  const copy = services.upstreams.copyName(route.repository, namespace);
  if (copy === undefined) return route;
  if (namespace !== undefined) response.setHeader('OCI-Namespace', namespace);
  return { ...route, repository: checkedName(copy) };
}

interface Scope {
  readonly text: string;
  readonly detail: unknown;
  isAllowed(actor: { may(action: RepositoryAction, repository: string): boolean; readonly lists: string }): boolean;
}

/** What must be granted; undefined where it is enough to be let in. */
function scopeOf(route: Route, method: string): Scope | undefined {
  if (route.kind === 'catalog' || route.kind === 'search') {
    return { text: 'registry:catalog:*', detail: [{ Type: 'registry', Name: 'catalog', Action: '*' }], isAllowed: (actor) => actor.lists !== 'none' };
  }
  const repository = repositoryOf(route);
  if (repository === undefined) return undefined;
  const actions = actionsOf(route, method);
  return {
    text: `repository:${repository}:${actions.join(',')}`,
    detail: actions.map((action) => ({ Type: 'repository', Name: repository, Action: action })),
    isAllowed: (actor) => actions.every((action) => actor.may(action, repository)),
  };
}

function actionsOf(route: Route, method: string): readonly RepositoryAction[] {
  if (route.kind === 'uploads' || route.kind === 'upload') return ['pull', 'push'];
  if (method === 'GET' || method === 'HEAD') return ['pull'];
  return method === 'DELETE' ? ['delete'] : ['pull', 'push'];
}

function repositoryOf(route: Route): string | undefined {
  return 'repository' in route ? route.repository : undefined;
}

function originOf(request: IncomingMessage, { options }: Services): string {
  return options.externalUrl ?? `${options.tls === undefined ? 'http' : 'https'}://${request.headers.host ?? 'localhost'}`;
}

function health(response: ServerResponse, method: string): void {
  if (method !== 'GET' && method !== 'HEAD') throw new Refusal('UNSUPPORTED');
  sendJson(response, { status: 'ok' });
}

/** Clients of the v1 search ask this first. */
function ping(response: ServerResponse): void {
  sendJson(response, true, { 'X-Docker-Registry-Standalone': 'true' });
}

function sendJson(response: ServerResponse, value: unknown, headers: Readonly<Record<string, string>> = {}): void {
  const bytes = Buffer.from(JSON.stringify(value));
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': bytes.length, ...headers }).end(bytes);
}
