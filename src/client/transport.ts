/**
 * Requests to one daemon: keeps idle connections for the next request, agrees on the API version, and turns
 * refusals into ApiError. The version is agreed on without a request of its own: the newest one is tried, and
 * a daemon that is older names its own in the refusal, before it has done anything.
 */
import { ApiError, ConnectionError } from './client-error.ts';
import type { Endpoint } from './endpoint.ts';
import { HijackedStream } from './hijacked-stream.ts';
import type { Connection } from './connection.ts';
import { HttpConnection, openConnection, shownRequest, type RequestHeaders, type RequestMessage, type ResponseMessage } from './http-connection.ts';
import { queryText, type Query } from './query.ts';

export interface TransportOptions {
  readonly endpoint: Endpoint;
  /** The newest version this client speaks, e.g. `1.51`. */
  readonly newestVersion: string;
  /** A version that is not negotiated (DOCKER_API_VERSION). */
  readonly fixedVersion?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly userAgent: string;
  /** Called once when nothing listens at the endpoint; true: it does now, try again. */
  readonly launch?: (() => Promise<boolean>) | undefined;
}

export interface ApiRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** Without the version: `/containers/json`. */
  readonly path: string;
  readonly query?: Query | undefined;
  readonly headers?: RequestHeaders;
  /** An object is sent as JSON. */
  readonly json?: unknown;
  readonly body?: RequestMessage['body'];
  readonly signal?: AbortSignal | undefined;
}

export class Transport {
  readonly #options: TransportOptions;
  readonly #idle = new Set<HttpConnection>();
  #version: string;
  #versionIsAgreed: boolean;
  #mayLaunch: boolean;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#version = options.fixedVersion ?? options.newestVersion;
    this.#versionIsAgreed = options.fixedVersion !== undefined;
    this.#mayLaunch = options.launch !== undefined;
  }

  /** The API version in use: the one tried, until an answer has settled it. */
  get version(): string {
    return this.#version;
  }

  /** The address, as texts name it. */
  get address(): string {
    return this.#options.endpoint.address;
  }

  /** Opens connections ahead of the requests that will need them. */
  prepare(count: number): void {
    for (let made = 0; made < count; made++) {
      // Whoever needs the connection meets the failure itself.
      this.#open().then((connection) => this.#idle.add(connection), () => {});
    }
  }

  /** @throws ApiError for 4xx and 5xx, ConnectionError */
  async request(request: ApiRequest): Promise<ResponseMessage> {
    const { response } = await this.#exchange(request);
    return response;
  }

  /** The answer's JSON. */
  async json<T>(request: ApiRequest): Promise<T> {
    const response = await this.request(request);
    // The daemon's answers are trusted to be what the API says of the endpoint.
    return JSON.parse(await text(response)) as T;
  }

  /** For answers without a body of interest. */
  async send(request: ApiRequest): Promise<ResponseMessage> {
    const response = await this.request(request);
    await text(response);
    return response;
  }

  /** A request whose connection becomes a stream both ways. */
  async hijack(request: ApiRequest): Promise<HijackedStream> {
    const upgrade = { ...request, headers: { ...request.headers, Connection: 'Upgrade', Upgrade: 'tcp' } };
    try {
      const { response, connection } = await this.#exchange(upgrade);
      return new HijackedStream(connection, response.headers.get('content-type') ?? '');
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // All that Docker's client tells of it.
      throw new ApiError(`unable to upgrade to tcp, received ${error.status}`, error.status);
    }
  }

  /** A request outside the versions whose connection goes on with another protocol. @throws ApiError, ConnectionError */
  async upgrade(path: string, protocol: string, headers: RequestHeaders = {}): Promise<HijackedStream> {
    const { response, connection } = await this.#deliver({ method: 'POST', path, headers: { ...headers, Connection: 'Upgrade', Upgrade: protocol } }, path);
    if (response.status !== 101) throw apiError(response, await text(response), this.#options.endpoint, path, this.#version);
    return new HijackedStream(connection, '');
  }

  /** A connection of its own, for bytes that are not ours. @throws ConnectionError */
  async dial(): Promise<Connection> {
    try {
      return await openConnection(this.#options.endpoint);
    } catch (error) {
      if (!this.#mayLaunch || !(error instanceof ConnectionError && error.absent)) throw error;
      this.#mayLaunch = false;
      if ((await this.#options.launch?.()) !== true) throw error;
      return await openConnection(this.#options.endpoint);
    }
  }

  /** Whether somebody listens at the endpoint now; launches nobody. */
  async isReachable(): Promise<boolean> {
    try {
      const connection = await openConnection(this.#options.endpoint);
      connection.destroy();
      return true;
    } catch (error) {
      if (error instanceof ConnectionError) return false;
      throw error;
    }
  }

  close(): void {
    for (const connection of this.#idle) connection.close();
    this.#idle.clear();
  }

  /** A request outside the versions (`/_ping`). */
  async unversioned(request: ApiRequest): Promise<ResponseMessage> {
    const { response } = await this.#deliver(request, request.path);
    return response;
  }

  async #exchange(request: ApiRequest): Promise<{ response: ResponseMessage; connection: HttpConnection }> {
    // A streamed body cannot be sent twice.
    if (!this.#versionIsAgreed && isStream(request.body)) await this.#agree();
    for (;;) {
      const tried = this.#version;
      const answer = await this.#deliver(request, `/v${tried}${cleanPath(request.path)}`);
      const { response } = answer;
      if (response.status < 400) {
        this.#versionIsAgreed = true;
        return answer;
      }
      const body = await text(response);
      const older = this.#versionIsAgreed ? undefined : /client version \S+ is too new\. Maximum supported API version is (\d+\.\d+)/.exec(body)?.[1];
      if (older === undefined || older === tried) throw apiError(response, body, this.#options.endpoint, request.path, tried);
      this.#version = older;
    }
  }

  async #agree(): Promise<void> {
    const { response } = await this.#deliver({ method: 'HEAD', path: '/_ping' }, '/_ping');
    const offered = response.headers.get('api-version');
    if (offered !== undefined && isOlder(offered, this.#version)) this.#version = offered;
    this.#versionIsAgreed = true;
  }

  async #deliver(request: ApiRequest, path: string): Promise<{ response: ResponseMessage; connection: HttpConnection }> {
    request.signal?.throwIfAborted();
    const { endpoint, userAgent, headers } = this.#options;
    const message: RequestMessage = {
      method: request.method,
      target: `${path}${queryText(request.query)}`,
      headers: {
        'User-Agent': userAgent,
        ...headers,
        ...(request.json !== undefined ? { 'Content-Type': 'application/json' } : request.body === undefined ? {} : { 'Content-Type': 'text/plain' }),
        ...request.headers,
      },
      body: request.json === undefined ? request.body : `${JSON.stringify(request.json)}\n`,
    };
    for (let attempt = 0; ; attempt++) {
      const { connection, isFresh } = await this.#connectionFor(message);
      const response = await connection.request(message, request.signal);
      if (response !== undefined) return { response, connection };
      // An idle connection may have been closed by the daemon just before we used it; a fresh one may not.
      if (isFresh || isStream(request.body) || attempt > 8) throw new ConnectionError(`error during connect: ${request.method} ${JSON.stringify(`${endpoint.address}${message.target}`)}: EOF`, { absent: false });
    }
  }

  async #connectionFor(message: RequestMessage): Promise<{ connection: HttpConnection; isFresh: boolean }> {
    try {
      return await this.#connection();
    } catch (error) {
      if (!(error instanceof ConnectionError) || !error.requestless) throw error;
      throw new ConnectionError(`error during connect: ${shownRequest(message, this.#options.endpoint)}: ${error.message}`, { absent: false, cause: error });
    }
  }

  async #connection(): Promise<{ connection: HttpConnection; isFresh: boolean }> {
    for (const connection of this.#idle) {
      this.#idle.delete(connection);
      if (connection.isIdle) return { connection, isFresh: false };
      connection.close();
    }
    try {
      return { connection: await this.#open(), isFresh: true };
    } catch (error) {
      if (!this.#mayLaunch || !(error instanceof ConnectionError && error.absent)) throw error;
      this.#mayLaunch = false;
      if ((await this.#options.launch?.()) !== true) throw error;
      return { connection: await this.#open(), isFresh: true };
    }
  }

  #open(): Promise<HttpConnection> {
    return HttpConnection.open(this.#options.endpoint, (connection) => this.#idle.add(connection));
  }
}

function isStream(body: RequestMessage['body']): boolean {
  return body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array);
}

/** The whole body. */
async function text(response: ResponseMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Without empty parts, as Docker's client has it. */
function cleanPath(path: string): string {
  return path.replace(/\/{2,}/g, '/').replace(/\/$/, '');
}

function apiError(response: ResponseMessage, body: string, endpoint: Endpoint, path: string, version: string): ApiError {
  const { status, reason } = response;
  if (body === '') {
    const base = endpoint.kind === 'unix' ? `http://${encodeURIComponent(endpoint.path)}` : endpoint.kind === 'dialed' ? endpoint.base : endpoint.address.replace(/^tcp/, 'http');
    return new ApiError(`request returned ${status} ${reason} for API route and version ${base}/v${version}${path}, check if the server supports the requested API version`, status);
  }
  if (response.headers.get('content-type') !== 'application/json') return new ApiError(body.trim(), status);
  const parsed: unknown = JSON.parse(body);
  const message = typeof parsed === 'object' && parsed !== null && 'message' in parsed ? String(parsed.message).trim() : '';
  return new ApiError(message === '' ? `API returned a ${status} (${reason}) but provided no error-message` : message, status);
}

/** Whether version `left` is older than `right`, both like `1.47`. */
export function isOlder(left: string, right: string): boolean {
  const [leftMajor = 0, leftMinor = 0] = left.split('.').map(Number);
  const [rightMajor = 0, rightMinor = 0] = right.split('.').map(Number);
  return leftMajor < rightMajor || (leftMajor === rightMajor && leftMinor < rightMinor);
}
