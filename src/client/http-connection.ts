/**
 * One HTTP/1.1 connection to a daemon, one request at a time. Written over plain sockets because Node's own
 * client costs a short command a third of its run time to load.
 */
import type { Socket } from 'node:net';
import type { Connection } from './connection.ts';
import { networkErrorText } from './go-network-error.ts';
import { ByteReader } from './byte-reader.ts';
import { ConnectionError } from './client-error.ts';
import type { Endpoint } from './endpoint.ts';

/** By name; a list makes a line of each of its values. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[]>>;

export interface RequestMessage {
  readonly method: string;
  /** Path and query, as sent. */
  readonly target: string;
  readonly headers: RequestHeaders;
  /** Whole, or as a stream (sent in chunks). */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array> | undefined;
}

export interface ResponseMessage {
  readonly status: number;
  readonly reason: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** The body; must be read to its end or `connection.close` be called. Not for upgraded connections. */
  readonly body: AsyncIterable<Buffer>;
}

export class HttpConnection {
  readonly #socket: Connection;
  readonly #reader: ByteReader;
  readonly #endpoint: Endpoint;
  /** Whether an answer was read to its end and another request may follow. */
  #reusable = true;
  #busy = false;
  #requests = 0;

  readonly #onIdle: (connection: HttpConnection) => void;

  private constructor(socket: Connection, endpoint: Endpoint, onIdle: (connection: HttpConnection) => void) {
    this.#socket = socket;
    this.#endpoint = endpoint;
    this.#onIdle = onIdle;
    this.#reader = new ByteReader(socket);
  }

  /** `onIdle` is called whenever the connection is ready for its next request. @throws ConnectionError */
  static async open(endpoint: Endpoint, onIdle: (connection: HttpConnection) => void): Promise<HttpConnection> {
    return new HttpConnection(await openConnection(endpoint), endpoint, onIdle);
  }

  get isIdle(): boolean {
    return this.#reusable && !this.#busy && !this.#reader.isOver && !this.#socket.destroyed;
  }

  get socket(): Connection {
    return this.#socket;
  }

  get reader(): ByteReader {
    return this.#reader;
  }

  /**
   * Sends a request and reads the head of its answer; undefined when the daemon had closed the idle connection.
   * An abort closes the connection; whoever waits for the head or the body gets the signal's reason.
   */
  async request(message: RequestMessage, signal?: AbortSignal): Promise<ResponseMessage | undefined> {
    if (signal?.aborted === true) {
      // Nothing was sent, so the connection is as good as before.
      this.#becomeIdle();
      throw signal.reason;
    }
    this.#busy = true;
    this.#requests++;
    this.#socket.ref();
    const abort = (): void => this.close();
    signal?.addEventListener('abort', abort, { once: true });
    const release = (): void => signal?.removeEventListener('abort', abort);
    let response: ResponseMessage | undefined;
    try {
      response = await this.#exchange(message, signal, release);
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      if (response === undefined || !this.#busy) release();
    }
    signal?.throwIfAborted();
    return response;
  }

  async #exchange(message: RequestMessage, signal: AbortSignal | undefined, release: () => void): Promise<ResponseMessage | undefined> {
    const sending = this.#send(message);
    // The daemon may answer, and close, before it has read all: the answer tells more than the broken pipe.
    const failedToSend = sending.then(() => undefined, (error: unknown) => error);
    let head: string | undefined;
    try {
      head = await Promise.race([this.#reader.head(), sending.then(never, bodyFailureOnly)]);
    } catch (error) {
      this.close();
      // The daemon closed the idle connection just when this was sent.
      if (this.#requests > 1 && isBroken(error)) return undefined;
      if (error instanceof BodyFailure) throw new ConnectionError(`error during connect: ${addressedRequest(message, this.#endpoint)}: ${error.message}`, { absent: false, cause: error.cause });
      throw new ConnectionError(`error during connect: ${shownRequest(message, this.#endpoint)}: ${networkErrorText(error, hostOf(this.#endpoint))}`, { absent: false, cause: error });
    }
    if (head === undefined) {
      this.close();
      await failedToSend;
      return undefined;
    }
    return this.#respond(message, head, signal, release);
  }

  close(): void {
    this.#reusable = false;
    this.#socket.destroy();
  }

  async #send(message: RequestMessage): Promise<void> {
    const { body } = message;
    const whole = typeof body === 'string' ? Buffer.from(body) : body instanceof Uint8Array ? body : undefined;
    let head = `${message.method} ${this.#endpoint.kind === 'tcp' ? this.#endpoint.basePath : ''}${message.target} HTTP/1.1\r\nHost: ${hostHeaderOf(this.#endpoint)}\r\n`;
    for (const [name, values] of Object.entries(message.headers)) for (const value of [values].flat()) head += `${name}: ${value}\r\n`;
    if (whole !== undefined) head += `Content-Length: ${whole.length}\r\n`;
    else if (body !== undefined) head += 'Transfer-Encoding: chunked\r\n';
    else if (message.method !== 'GET' && message.method !== 'HEAD') head += 'Content-Length: 0\r\n';
    head += '\r\n';
    if (whole !== undefined || body === undefined) {
      this.#socket.write(whole === undefined ? head : Buffer.concat([Buffer.from(head, 'latin1'), whole]));
      return;
    }
    this.#socket.write(head, 'latin1');
    if (typeof body === 'string' || body instanceof Uint8Array) return;
    for await (const chunk of readable(body)) {
      if (chunk.length === 0) continue;
      if (this.#socket.destroyed || this.#reader.isOver) return;
      this.#socket.write(`${chunk.length.toString(16)}\r\n`);
      this.#socket.write(chunk);
      if (!this.#socket.write('\r\n')) await drained(this.#socket);
    }
    this.#socket.write('0\r\n\r\n');
  }

  #respond(message: RequestMessage, head: string, signal: AbortSignal | undefined, release: () => void): ResponseMessage {
    const lines = head.split('\r\n');
    const start = /^HTTP\/1\.([01]) (\d{3})(?: (.*))?$/.exec(lines[0] ?? '');
    if (start === null) {
      this.close();
      throw new ConnectionError(`error during connect: malformed HTTP response ${JSON.stringify(lines[0])}`, { absent: false });
    }
    const headers = new Map<string, string>();
    for (const line of lines.slice(1)) {
      const colon = line.indexOf(':');
      if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    const status = Number(start[2]);
    if (start[1] === '0' || headers.get('connection')?.toLowerCase() === 'close') this.#reusable = false;
    const bodyless = message.method === 'HEAD' || status === 204 || status === 304 || status < 200;
    if (bodyless && status !== 101) this.#becomeIdle();
    return { status, reason: start[3] ?? '', headers, body: bodyless ? nothing() : this.#body(headers, signal, release) };
  }

  #becomeIdle(): void {
    this.#busy = false;
    // An idle connection must not keep a program from ending.
    this.#socket.unref();
    if (this.isIdle) this.#onIdle(this);
    else this.close();
  }

  async *#body(headers: ReadonlyMap<string, string>, signal: AbortSignal | undefined, release: () => void): AsyncGenerator<Buffer> {
    let finished = false;
    try {
      yield* this.#delimited(headers);
      finished = true;
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      release();
      if (finished) this.#becomeIdle();
      else this.close();
    }
    signal?.throwIfAborted();
  }

  async *#delimited(headers: ReadonlyMap<string, string>): AsyncGenerator<Buffer> {
    const length = headers.get('content-length');
    if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked') yield* this.#chunks();
    else if (length !== undefined) yield* this.#counted(Number(length));
    else {
      this.#reusable = false;
      for (let chunk = await this.#reader.chunk(); chunk !== undefined; chunk = await this.#reader.chunk()) yield chunk;
    }
  }

  async *#chunks(): AsyncGenerator<Buffer> {
    for (;;) {
      const size = Number.parseInt(await this.#reader.line(), 16);
      if (Number.isNaN(size)) throw new ConnectionError('error during connect: malformed chunked encoding', { absent: false });
      if (size === 0) break;
      yield* this.#counted(size);
      await this.#reader.line();
    }
    while ((await this.#reader.line()) !== '');
  }

  async *#counted(size: number): AsyncGenerator<Buffer> {
    let left = size;
    while (left > 0) {
      const chunk = await this.#reader.chunk(left);
      if (chunk === undefined) throw new ConnectionError('unexpected EOF', { absent: false });
      left -= chunk.length;
      yield chunk;
    }
  }
}

function hostHeaderOf(endpoint: Endpoint): string {
  switch (endpoint.kind) {
    case 'unix':
      return 'api.moby.localhost';
    case 'tcp':
      return `${endpoint.host}:${endpoint.port}`;
    case 'dialed':
      return new URL(endpoint.base).host;
  }
}

function hostOf(endpoint: Endpoint): string {
  return endpoint.kind === 'tcp' ? endpoint.host : '';
}

/** A request as Go's errors name it, where there is an address to name. */
export function shownRequest(message: Pick<RequestMessage, 'method' | 'target'>, endpoint: Endpoint): string {
  if (endpoint.kind === 'unix') return `${message.method} ${JSON.stringify(message.target)}`;
  return namedRequest(message, endpoint.kind === 'dialed' ? endpoint.base : `${endpoint.tls === undefined ? 'http' : 'https'}${endpoint.address.slice('tcp'.length)}`);
}

async function* nothing(): AsyncGenerator<Buffer> {}

async function drained(socket: Connection): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.once('drain', resolve);
  socket.once('close', resolve);
  await promise;
  socket.off('drain', resolve);
  socket.off('close', resolve);
}

/** @throws ConnectionError with Docker's texts */
export async function openConnection(endpoint: Endpoint): Promise<Connection> {
  if (endpoint.kind === 'dialed') return endpoint.dial();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const tls = endpoint.kind === 'tcp' ? endpoint.tls : undefined;
  // Loaded here: what needs no daemon, such as a help, does not pay for it.
  const { connect } = process.getBuiltinModule('node:net');
  let socket: Socket;
  if (endpoint.kind === 'unix') socket = connect({ path: endpoint.path, allowHalfOpen: true }, resolve);
  else if (tls === undefined) socket = connect({ host: endpoint.host, port: endpoint.port, allowHalfOpen: true, noDelay: true }, resolve);
  else {
    socket = process.getBuiltinModule('node:tls').connect({
      host: endpoint.host, port: endpoint.port, rejectUnauthorized: tls.verify, ca: tls.authority, cert: tls.certificate, key: tls.key,
    }, resolve);
    socket.allowHalfOpen = true;
  }
  socket.once('error', reject);
  try {
    await promise;
  } catch (error) {
    throw connectionFailure(endpoint, error);
  }
  socket.off('error', reject);
  return socket;
}

function connectionFailure(endpoint: Exclude<Endpoint, { kind: 'dialed' }>, error: unknown): ConnectionError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'EACCES' || code === 'EPERM') {
    const path = endpoint.kind === 'unix' ? endpoint.path : endpoint.address;
    return new ConnectionError(`permission denied while trying to connect to the Docker daemon socket at ${endpoint.address}: dial unix ${path}: connect: permission denied`, { absent: false, cause: error });
  }
  if (endpoint.kind === 'unix' || code === 'ECONNREFUSED' || code === 'ETIMEDOUT') {
    return new ConnectionError(`Cannot connect to the Docker daemon at ${endpoint.address}. Is the docker daemon running?`, { absent: true, cause: error });
  }
  return new ConnectionError(networkErrorText(error, hostOf(endpoint)), { absent: false, requestless: true, cause: error });
}

/** A request as Go names it. */
function addressedRequest(message: RequestMessage, endpoint: Endpoint): string {
  return endpoint.kind === 'unix' ? namedRequest(message, `http://${encodeURIComponent(endpoint.path)}`) : shownRequest(message, endpoint);
}

function namedRequest({ method, target }: Pick<RequestMessage, 'method' | 'target'>, base: string): string {
  return `${method.slice(0, 1)}${method.slice(1).toLowerCase()} ${JSON.stringify(`${base}${target}`)}`;
}

function isBroken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EPIPE' || error.code === 'ECONNRESET');
}

/** What was to be sent could not be read. */
class BodyFailure extends Error {
  override readonly name = 'BodyFailure';
}

async function* readable(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw new BodyFailure(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** The daemon's answer is still to come. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}

function bodyFailureOnly(error: unknown): Promise<never> {
  if (error instanceof BodyFailure) throw error;
  return never();
}
