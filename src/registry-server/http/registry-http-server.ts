/**
 * The HTTP side of the registry: connections with their limits, TLS whose certificate may change, one line in the log for
 * each request, and an end that lets requests under way finish.
 */
import { createServer, type IncomingMessage, type Server, type ServerOptions as HttpOptions, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { fail, messageOf } from '#base/errors/failure.ts';
import type { AccessLog } from '../observe/access-log.ts';
import type { ListenAddress } from '../server-options.ts';
import { handleRequest, type RequestFacts } from './handle-request.ts';
import { Refusal } from './refusal.ts';
import { ClientGone } from './send-file.ts';
import type { Services } from './services.ts';

const largestHead = 16 * 1024;
/** Between two requests of a connection, in milliseconds: longer than balancers keep theirs. */
const keepAlive = 75_000;
/** What a client still sends after it has been refused is thrown away for so long, in milliseconds. */
const drainTime = 10_000;

export class RegistryHttpServer implements AsyncDisposable {
  readonly #services: Services;
  readonly #server: Server | SecureServer;
  readonly #log: AccessLog | undefined;
  readonly #running = new Map<Socket, ServerResponse>();

  constructor(services: Services, options: { tls: SecureContextOptions | undefined; log: AccessLog | undefined }) {
    this.#services = services;
    this.#log = options.log;
    const { limits } = services.options;
    const http: HttpOptions = {
      maxHeaderSize: largestHead,
      headersTimeout: limits.headers,
      // Bodies may be long; how slowly they may come is watched by themselves.
      requestTimeout: 0,
      keepAliveTimeout: keepAlive,
      connectionsCheckingInterval: Math.min(5000, limits.headers),
    };
    this.#server = options.tls === undefined ? createServer(http) : createSecureServer({ ...http, ...options.tls, minVersion: 'TLSv1.2', handshakeTimeout: limits.headers });
    this.#server.maxConnections = limits.connections;
    this.#server.timeout = limits.silence;
    const onRequest = (request: IncomingMessage, response: ServerResponse): void => void this.#answer(request, response);
    this.#server.on('request', onRequest);
    // The client waits for leave to send its body: it gets a refusal first.
    this.#server.on('checkContinue', onRequest);
    this.#server.on('timeout', (socket: Socket) => this.#silent(socket));
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => refuseMalformed(error, socket));
  }

  get requests(): number {
    return this.#running.size;
  }

  /** The address with the port that was taken. @throws registry_server.cannot_listen */
  async listen({ host, port }: ListenAddress): Promise<{ host: string; port: number }> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', (error) => reject(fail('registry_server.cannot_listen', { address: `${host}:${port}`, reason: messageOf(error) }, error)));
    this.#server.listen({ port, ...(host === '' ? {} : { host }) }, () => resolve());
    await promise;
    const address = this.#server.address() as AddressInfo;
    return { host: address.address, port: address.port };
  }

  /** Connections from now on see this certificate. */
  renewCertificate(tls: SecureContextOptions): void {
    if ('setSecureContext' in this.#server) this.#server.setSecureContext({ ...tls, minVersion: 'TLSv1.2' });
  }

  /** Takes no connections any more, and waits for the requests under way as long as the limit allows. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), this.#services.options.limits.shutdown);
    await promise;
    clearTimeout(timer);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const began = performance.now();
    const facts: RequestFacts = { route: 'unknown', repository: undefined, user: undefined, error: undefined, received: 0 };
    const { socket } = request;
    const writtenBefore = socket.bytesWritten;
    // A connection that is closed does not tell any more.
    const remote = socket.remoteAddress ?? '';
    this.#running.set(socket, response);
    response.once('close', () => {
      if (this.#running.get(socket) === response) this.#running.delete(socket);
      this.#record(request, response, { facts, began, remote, sent: socket.bytesWritten - writtenBefore });
    });
    try {
      await handleRequest(request, response, this.#services, facts);
    } catch (error) {
      facts.error = asRefusal(error);
      if (!(error instanceof Refusal) && !(error instanceof ClientGone) && facts.error.status === 500) this.#services.warn(`${request.method ?? ''} ${request.url ?? ''}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      refuse(request, response, facts.error);
    }
  }

  /** A connection on which nothing has moved for too long. */
  #silent(socket: Socket): void {
    const response = this.#running.get(socket);
    if (response === undefined || response.headersSent) return void socket.destroy();
    // The client waits for us: hashing and writing a large blob takes its time.
    if (response.req.complete) return;
    refuse(response.req, response, new Refusal('BLOB_UPLOAD_INVALID', { status: 408, message: 'nothing came for too long', headers: { Connection: 'close' } }));
    response.once('finish', () => socket.destroy());
  }

  #record(request: IncomingMessage, response: ServerResponse, { facts, began, remote, sent }: { facts: RequestFacts; began: number; remote: string; sent: number }): void {
    const milliseconds = performance.now() - began;
    const status = response.headersSent ? response.statusCode : 499;
    const { metrics } = this.#services;
    const method = request.method ?? '';
    metrics.request({ method, route: facts.route, status }, milliseconds / 1000);
    metrics.add('received_bytes', facts.received);
    metrics.add('sent_bytes', sent);
    if (status >= 500) metrics.add('errors', 1);
    const agent = request.headers['user-agent'];
    this.#log?.write({
      time: new Date().toISOString(),
      remote,
      ...(facts.user === undefined ? {} : { user: facts.user }),
      method,
      path: request.url ?? '',
      route: facts.route,
      ...(facts.repository === undefined ? {} : { repository: facts.repository }),
      status,
      received: facts.received,
      sent,
      milliseconds: Math.round(milliseconds * 10) / 10,
      ...(agent === undefined ? {} : { agent }),
      ...(facts.error === undefined ? {} : { error: facts.error.code, reason: facts.error.message }),
    });
  }
}

function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent || response.destroyed) {
    // Half an answer must not look like a whole one.
    if (!response.writableEnded) response.destroy();
    return;
  }
  const bytes = Buffer.from(`${JSON.stringify(refusal)}\n`);
  response.writeHead(refusal.status, { 'Content-Type': 'application/json', 'Content-Length': bytes.length, ...refusal.headers });
  response.end(request.method === 'HEAD' ? undefined : bytes);
  if (request.complete) return;
  request.resume();
  const timer = setTimeout(() => void (request.complete || request.destroy()), drainTime);
  timer.unref();
  request.once('close', () => clearTimeout(timer));
}

/** What went wrong, in words that tell clients nothing of the machine. */
function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOSPC' || code === 'EDQUOT') return new Refusal('UNKNOWN', { status: 507, message: 'the storage of the registry is full', cause: error });
  if (code === 'EMFILE' || code === 'ENFILE') return new Refusal('UNAVAILABLE', { message: 'the registry has too many open files', headers: { 'Retry-After': '5' }, cause: error });
  if (error instanceof ClientGone) return new Refusal('UNKNOWN', { status: 499, message: error.message });
  return new Refusal('UNKNOWN', { message: 'the registry has failed: its log tells why', cause: error });
}

/** What is no HTTP, or has a head that is too long or too slow. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable) return void socket.destroy();
  const [status, text, message] =
    error.code === 'HPE_HEADER_OVERFLOW' ? [431, 'Request Header Fields Too Large', `the head of the request is larger than ${largestHead} bytes`]
    : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? [408, 'Request Timeout', 'the head of the request did not come in time']
    : [400, 'Bad Request', 'this is no HTTP request'];
  const body = `${JSON.stringify({ errors: [{ code: 'UNSUPPORTED', message }] })}\n`;
  socket.end(`HTTP/1.1 ${status} ${text}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}
