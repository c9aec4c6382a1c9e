/**
 * The Engine API over HTTP: takes connections, finds the endpoint of each request, and turns what the
 * engine throws into Docker's replies. It knows no use case; those are in `routes/`.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { finished } from 'node:stream/promises';
import { isFailure, messageOf, EngineError } from '#base/errors/failure.ts';
import type { Engine } from '#engine/contract.ts';
import type { ApiLog } from './api-log.ts';
import { encodeJson } from './body/encode-json.ts';
import { ClientConnection } from './connection/client-connection.ts';
import { HijackedRequest } from './connection/hijacked-request.ts';
import { passOn } from './connection/pass-on.ts';
import { formatListenAddress, type ListenAddress } from './connection/listen-address.ts';
import { ListeningSockets } from './connection/listener.ts';
import { errorStatus } from './error-status.ts';
import { Call, Exchange } from './exchange.ts';
import { Reply } from './reply.ts';
import { compareVersions, versionCheck, type ApiVersion } from './requests/api-version.ts';
import { hostFault } from './requests/host-header.ts';
import { parseTarget, type RequestTarget } from './requests/request-target.ts';
import { takeShortBody } from './requests/short-body.ts';
import { RouteTable, type Route, type RouteMatch } from './route-table.ts';
import { archiveRoutes } from './routes/archive-routes.ts';
import { buildRoutes } from './routes/build-routes.ts';
import { buildkitRoutes } from './routes/buildkit-routes.ts';
import { checkpointRoutes } from './routes/checkpoint-routes.ts';
import { containerRoutes } from './routes/container-routes.ts';
import { debugRoutes } from './routes/debug-routes.ts';
import { execRoutes } from './routes/exec-routes.ts';
import { imageRoutes } from './routes/image-routes.ts';
import { networkRoutes } from './routes/network-routes.ts';
import { pluginRoutes } from './routes/plugin-routes.ts';
import { registryRoutes } from './routes/registry-routes.ts';
import { systemRoutes } from './routes/system-routes.ts';
import { swarmRoutes } from './routes/swarm-routes.ts';
import { volumeRoutes } from './routes/volume-routes.ts';

/** Bytes of a request's head, as in Go's server: registry credentials travel in headers. */
const headLimit = 1024 * 1024;
/** As in dockerd. */
const defaultHeadTimeout = 5 * 60_000;
const defaultClosingGrace = 2000;

/** A request that was served, for who counts them. */
export interface ServedRequest {
  readonly method: string;
  /** The route's path, with `{name}`. */
  readonly route: string;
  readonly seconds: number;
  readonly failed: boolean;
}

export interface ApiServerOptions {
  readonly onServed?: ((request: ServedRequest) => void) | undefined;
  readonly engine: Engine;
  readonly log: ApiLog;
  /** Sockets that are open already; more are opened by {@link ApiServer.listen}. Default: none. They are closed with the server. */
  readonly sockets?: ListeningSockets | undefined;
  /** Milliseconds that requests in progress get to end when the server closes. Their signals abort at once. */
  readonly closingGrace?: number;
  /** Milliseconds in which the head of a request must be there once it has begun. Default: five minutes, as with Docker. */
  readonly headTimeout?: number;
  /** For `fd://`. Default: the process's. */
  readonly environment?: NodeJS.ProcessEnv;
}

export interface ApiServer extends AsyncDisposable {
  /** Listens on one more address. Resolves when clients can connect. @throws api.listen_failed */
  listen(address: ListenAddress): Promise<void>;
  /**
   * Takes no more connections nor requests, leaving the sockets to whoever has copies of them, and resolves when what
   * was asked for is done but for streams, which go on. @param milliseconds after which the rest is given up
   */
  retire(milliseconds: number): Promise<void>;
  /** Resolves when nobody is served any more. */
  idle(): Promise<void>;
}

export function createApiServer(options: ApiServerOptions): ApiServer {
  return new Connections(options);
}

class Connections implements ApiServer {
  readonly #engine: Engine;
  readonly #log: ApiLog;
  readonly #options: ApiServerOptions;
  readonly #http: HttpServer;
  readonly #routes: RouteTable;
  readonly #versionHeaders: readonly string[];
  readonly #standardHeaders: readonly string[];
  readonly #checkVersion: (text: string | undefined) => ApiVersion;
  readonly #listening: ListeningSockets;
  #retired = false;
  readonly #sockets = new Set<Socket>();
  /** Those that are not streams. */
  readonly #connections = new Map<Socket, ClientConnection>();
  /** Those of requests in progress. */
  readonly #controllers = new Set<AbortController>();
  readonly #running = new Map<Promise<void>, Running>();
  /** Connections of requests in progress. */
  readonly #busy = new Set<Socket>();

  constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#engine = options.engine;
    this.#log = options.log;
    this.#listening = options.sockets ?? new ListeningSockets({ group: 'docker', environment: options.environment ?? process.env });
    const { engine, api, minimumApi } = options.engine.system.version;
    this.#checkVersion = versionCheck({ minimum: minimumApi, maximum: api });
    const server = ['Server', `Docker/${engine} (linux)`];
    this.#versionHeaders = ['Api-Version', api, 'Ostype', 'linux', ...server];
    this.#standardHeaders = ['Api-Version', api, 'Docker-Experimental', String(options.engine.system.offers.experimental), 'Ostype', 'linux', ...server];
    this.#routes = new RouteTable([...systemRoutes(), ...debugRoutes(), ...archiveRoutes(), ...checkpointRoutes(), ...containerRoutes(), ...execRoutes(), ...imageRoutes(), ...buildRoutes(), ...buildkitRoutes(), ...networkRoutes(), ...pluginRoutes(), ...registryRoutes(), ...swarmRoutes(), ...volumeRoutes()]);
    this.#http = createServer({
      maxHeaderSize: headLimit,
      requireHostHeader: false,
      // Uploads may take as long as they need, and idle connections may stay, as with Docker.
      requestTimeout: 0,
      keepAliveTimeout: 0,
      shouldUpgradeCallback: (request) => this.#isHijack(request.method ?? '', request.url ?? ''),
    });
    this.#http.on('request', (request, response) => this.#onRequest(request, response));
    this.#http.on('upgrade', (request, _connection, head) => this.#onHijack(request, head));
    this.#http.on('connect', (_request, connection) => {
      const body = encodeJson({ message: 'page not found' });
      connection.end(`HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
    });
    this.#http.on('clientError', (error, connection) => {
      if (!connection.writable || ('code' in error && error.code === 'ECONNRESET')) return void connection.destroy();
      const status = 'code' in error && error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
      connection.end(`HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${status}`);
    });
    this.#listening.serve((socket) => this.#accept(socket));
    for (const address of this.#listening.addresses) this.#announce(address);
  }

  async listen(address: ListenAddress): Promise<void> {
    await this.#listening.open(address);
    this.#announce(address);
  }

  #announce(address: ListenAddress): void {
    if (address.kind === 'tcp' && !this.#listening.verifying) {
      const how = this.#listening.encrypted ? 'without asking who calls; give clients certificates with --tlsverify' : 'without encryption and without asking who calls; use a unix socket, --tlsverify, or reach it by SSH';
      this.#log.warn(`anyone who reaches this address has root access to this machine: the API is served ${how}`, { address: formatListenAddress(address) });
    }
    this.#log.info(`API listen on ${address.kind === 'unix' ? address.path : formatListenAddress(address)}`);
  }

  async retire(milliseconds: number): Promise<void> {
    this.#retired = true;
    await this.#listening.handOver();
    for (const { kind, abort } of this.#running.values()) if (kind === 'watch') abort();
    const late = AbortSignal.timeout(milliseconds);
    const ordinary = (): Running[] => [...this.#running.values()].filter(({ kind }) => kind === undefined);
    while (ordinary().length > 0 && !late.aborted) await Promise.race([once(late, 'abort'), ...ordinary().map(({ ended }) => ended)]);
    for (const { abort } of ordinary()) abort();
    await Promise.allSettled(ordinary().map(({ ended }) => ended));
    for (const [socket, connection] of this.#connections) {
      if (this.#busy.has(socket)) continue;
      // Whoever has asked before knows that idle connections may be closed; who has just come does not.
      if (connection.unused && !this.#listening.encrypted) this.#track(passOn(connection.release(Buffer.alloc(0)), this.#listening.addresses), 'stream', () => socket.destroy());
      else connection.destroy();
    }
  }

  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running.keys());
    // What was written last is on its way.
    await Promise.all([...this.#sockets].map(async (socket) => closeSocket(socket)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#listening[Symbol.asyncDispose]();
    for (const { abort } of this.#running.values()) abort();
    for (const controller of this.#controllers) controller.abort();
    const deadline = AbortSignal.timeout(this.#options.closingGrace ?? defaultClosingGrace);
    await Promise.race([Promise.allSettled(this.#running.keys()), once(deadline, 'abort')]);
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    // Whoever has the socket learns of a fault by its closing.
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
    this.#serve(socket);
  }

  #serve(socket: Socket): void {
    const connection = new ClientConnection(socket, { headLimit, headTimeout: this.#options.headTimeout ?? defaultHeadTimeout, isHijack: (method, target) => this.#isHijack(method, target) });
    this.#connections.set(socket, connection);
    connection.once('close', () => this.#connections.delete(socket));
    this.#http.emit('connection', connection);
  }

  #isHijack(method: string, target: string): boolean {
    if (method !== 'POST' && !target.includes('/attach/ws')) return false;
    const parsed = parseTarget(target);
    if (parsed === undefined || parsed.redirect !== undefined) return false;
    return this.#routes.find(method, parsed.path)?.route.hijack !== undefined;
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    // The type says Socket; the HTTP server hands out what it was given.
    const connection: unknown = request.socket;
    if (!(connection instanceof ClientConnection)) return void response.destroy();
    // The next daemon answers it: whoever asked finds that nobody has read it, and asks again.
    if (this.#retired) return void connection.destroy();
    connection.beginExchange();
    this.#busy.add(connection.socket);
    const controllers: AbortController[] = [];
    response.once('close', () => {
      for (const controller of controllers) {
        connection.stopWatching(controller);
        this.#controllers.delete(controller);
      }
      connection.endExchange();
      this.#busy.delete(connection.socket);
      if (this.#retired) connection.destroySoon();
    });
    const target = parseTarget(request.url ?? '/');
    const text = target === undefined ? '400 Bad Request' : hostFault(request);
    if (target === undefined || text !== undefined) {
      new Reply(response, []).body(400, 'text/plain; charset=utf-8', text ?? '', ['Connection', 'close']);
      return;
    }
    const method = request.method ?? '';
    if (target.redirect !== undefined) return new Reply(response, []).empty(301, ['Location', target.redirect]);
    const match = this.#routes.find(method, target.path);
    if (match === undefined && method !== 'OPTIONS') return new Reply(response, []).json(404, { message: 'page not found' });
    const version = this.#versionOf(target, response);
    if (version === undefined) return;
    const reply = new Reply(response, this.#standardHeaders);
    if (match?.route.handler === undefined) return reply.empty(200);
    const call = new Call(this.#engine, version, { name: match.name, query: target.query });
    const exchange = new Exchange(call, request, reply, (until) => {
      const controller = new AbortController();
      controllers.push(controller);
      this.#controllers.add(controller);
      if (until === 'left') connection.watchLeaving(controller);
      return controller.signal;
    });
    this.#track(this.#run(match, exchange, { method, path: target.path }), match.route.lasting, () => {
      reply.giveUp();
      controllers.forEach((controller) => controller.abort());
    });
  }

  #track(running: Promise<void>, kind: Running['kind'], abort: () => void): void {
    const ended: Promise<void> = running
      .catch((error: unknown) => this.#log.error(`bug in the API server: ${messageOf(error)}`, error instanceof Error ? { stack: error.stack } : {}))
      .finally(() => this.#running.delete(ended));
    this.#running.set(ended, { kind, abort, ended });
  }

  /** undefined: the version is refused, and answered. */
  #versionOf(target: RequestTarget, response: ServerResponse): ApiVersion | undefined {
    try {
      return this.#checkVersion(target.version);
    } catch (error) {
      const { status, headers, body } = describeRefusal(target, error);
      const [, contentType = '', ...others] = headers;
      new Reply(response, this.#versionHeaders).body(status, contentType, body, others);
      return undefined;
    }
  }

  async #run({ route }: RouteMatch, exchange: Exchange, place: { method: string; path: string }): Promise<void> {
    // Taken now: Node's stream functions take the socket from a request whose body they gave up half-read.
    const { socket } = exchange.request;
    const began = performance.now();
    let failed = false;
    try {
      await route.handler?.(exchange, exchange.call);
    } catch (error) {
      failed = true;
      // Nobody is left to tell: what broke is most likely the broken connection.
      if (isAbort(error) || socket.destroyed) this.#log.debug(`${place.method} ${place.path} was given up: ${messageOf(error)}`);
      else this.#report(error, place);
      // Once the reply has started, a cut stream is the only way to tell.
      if (exchange.reply.started) return exchange.reply.cut();
      await takeShortBody(exchange.request);
      exchange.reply.error(error);
    } finally {
      this.#options.onServed?.({ method: place.method, route: route.path, seconds: (performance.now() - began) / 1000, failed });
    }
  }

  #onHijack(request: IncomingMessage, head: Buffer): void {
    const connection: unknown = request.socket;
    if (!(connection instanceof ClientConnection) || connection.hijack === undefined) return void request.destroy();
    const style = connection.hijack;
    const socket = connection.release(head);
    if (this.#retired) return void socket.destroy();
    this.#busy.add(socket);
    const target = parseTarget(request.url ?? '/');
    const match = target === undefined ? undefined : this.#routes.find(request.method ?? '', target.path);
    if (target === undefined || match?.route.hijack === undefined) return void socket.destroy();
    const controller = new AbortController();
    this.#controllers.add(controller);
    const place = { method: request.method ?? '', path: target.path };
    const parts = { socket, headers: request.headers, style, signal: controller.signal, onFault: (error: unknown) => this.#report(error, place) };
    let version: ApiVersion;
    try {
      version = this.#checkVersion(target.version);
    } catch (error) {
      const { status, headers, body } = describeRefusal(target, error);
      const refused = new HijackedRequest({ ...parts, standardHeaders: this.#versionHeaders });
      refused.reply(status, headers, body);
      this.#controllers.delete(controller);
      return this.#track(this.#afterHijack(refused, socket), undefined, () => controller.abort());
    }
    const hijacked = new HijackedRequest({ ...parts, standardHeaders: this.#standardHeaders });
    const call = new Call(this.#engine, version, { name: match.name, query: target.query });
    const running = this.#runHijack(match, hijacked, { call, socket, place });
    this.#track(running.finally(() => this.#controllers.delete(controller)), 'stream', () => controller.abort());
  }

  async #runHijack({ route }: RouteMatch, hijacked: HijackedRequest, parts: { call: Call; socket: Socket; place: { method: string; path: string } }): Promise<void> {
    const { call, socket, place } = parts;
    try {
      await route.hijack?.(hijacked, call);
    } catch (error) {
      if (!isAbort(error)) this.#report(error, place);
      if (!hijacked.taken) hijacked.fail(error);
    }
    await this.#afterHijack(hijacked, socket);
  }

  async #afterHijack(hijacked: HijackedRequest, socket: Socket): Promise<void> {
    this.#busy.delete(socket);
    if ((await hijacked.finish()) && !this.#retired) this.#serve(socket);
    else await closeSocket(socket);
  }

  #report(error: unknown, { method, path }: { method: string; path: string }): void {
    if (errorStatus(error) < 500) return this.#log.debug(`handler for ${method} ${path} returned error: ${messageOf(error)}`);
    // What is no failure of the engine is a bug: its place in the code is wanted.
    const stack = error instanceof Error && !(error instanceof EngineError) ? { stack: error.stack } : {};
    this.#log.error(`Handler for ${method} ${path} returned error: ${messageOf(error)}`, stack);
  }
}

/** A request in progress. */
interface Running {
  /** As its route has it; undefined: it ends by itself soon, or has to be finished. */
  readonly kind: Route['lasting'];
  readonly abort: () => void;
  readonly ended: Promise<void>;
}

/** The reply to a version that is not served. Clients of 1.23 and before expect plain text. */
function describeRefusal(target: RequestTarget, error: unknown): { status: number; headers: readonly string[]; body: string } {
  if (!isFailure(error, 'api.version_too_old') && !isFailure(error, 'api.version_too_new')) throw error;
  const status = errorStatus(error);
  return compareVersions(target.version ?? '', '1.24') < 0
    ? { status, headers: ['Content-Type', 'text/plain; charset=utf-8', 'X-Content-Type-Options', 'nosniff'], body: `${error.message}\n` }
    : { status, headers: ['Content-Type', 'application/json'], body: encodeJson({ message: error.message }) };
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

/** Closes both halves once all is written. */
async function closeSocket(socket: Socket): Promise<void> {
  socket.resume();
  socket.end();
  try {
    await finished(socket, { readable: false });
  } catch {
    // The client left first; there is nobody to tell.
  } finally {
    socket.destroy();
  }
}
