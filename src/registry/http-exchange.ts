/** One HTTP request to a registry or its token server, followed through redirects. */
import { Agent as PlainAgent, request as requestPlain, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as SecureAgent, request as requestSecure, type AgentOptions } from 'node:https';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import { fail } from '#base/errors/failure.ts';
import { releaseBytes } from '#base/release-bytes.ts';
import { describeNetworkError } from './go-network-error.ts';
import { isDirect, withoutProxy, type ProxySettings } from './proxy-settings.ts';

export type RequestBody = string | Uint8Array | AsyncIterable<Uint8Array>;

export interface ExchangeOptions {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream is sent once: a redirect of it is an answer like any other. Its length is told by a header, or in chunks. */
  readonly body?: RequestBody;
  readonly signal: AbortSignal;
  /** Verb as messages name it; Docker asks for tags by HEAD first. */
  readonly verb?: 'Get' | 'Head' | 'Post' | 'Put' | 'Patch' | 'Delete';
  /** Headers that went to the first host only, besides `Authorization`, are left out of redirects. */
  readonly secretHeaders?: readonly string[];
}

export interface TlsTrust {
  /** Certificates are not looked at. */
  readonly insecure: boolean;
  readonly ca?: readonly string[];
  readonly cert?: readonly string[];
  readonly key?: readonly string[];
}

export interface Answer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingMessage['headers'];
  /** Must be read, by `limitSilence`, or destroyed. */
  readonly body: IncomingMessage;
  /** Where it came from in the end. */
  readonly url: URL;
}

const mostRedirects = 10;
/** Milliseconds; of a request that streams, from the end of its body. */
const answerTimeout = 30_000;
const longestStall = 60_000;
const largestHead = 64 * 1024;
/** Bytes of a piece whose memory is not left to the garbage collector. */
const worthReleasing = 16 * 1024;

/** Keeps connections for one operation. */
export class HttpExchange implements Disposable {
  readonly #trust: TlsTrust;
  readonly #userAgent: string;
  readonly #proxies: ProxySettings;
  readonly #plain: PlainAgent;
  readonly #secure: SecureAgent;
  readonly #plainDirect: PlainAgent;
  readonly #secureDirect: SecureAgent;

  constructor(trust: TlsTrust, userAgent: string, proxies: ProxySettings = withoutProxy) {
    this.#trust = trust;
    this.#userAgent = userAgent;
    this.#proxies = proxies;
    const tls: AgentOptions = {
      rejectUnauthorized: !trust.insecure,
      ...(trust.ca === undefined ? {} : { ca: [...trust.ca] }),
      ...(trust.cert === undefined ? {} : { cert: [...trust.cert] }),
      ...(trust.key === undefined ? {} : { key: [...trust.key] }),
    };
    const proxyEnv = { HTTP_PROXY: proxies.http, HTTPS_PROXY: proxies.https };
    this.#plainDirect = new PlainAgent({ keepAlive: true });
    this.#secureDirect = new SecureAgent({ keepAlive: true, ...tls });
    this.#plain = new PlainAgent({ keepAlive: true, proxyEnv });
    this.#secure = new SecureAgent({ keepAlive: true, proxyEnv, ...tls });
  }

  get insecure(): boolean {
    return this.#trust.insecure;
  }

  /** @throws registry.unreachable in Docker's words, the signal's reason */
  async send(address: URL, options: ExchangeOptions): Promise<Answer> {
    let url = address;
    let current = options;
    for (let redirects = 0; ; redirects++) {
      const answer = await this.#once(url, current);
      const location = answer.headers.location;
      if (answer.status < 301 || answer.status > 308 || answer.status === 304 || location === undefined || isStream(current.body)) return answer;
      answer.body.resume();
      const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
      const say = (words: string): Error => fail('registry.unexpected_answer', { message: `${verbOf(current)} ${JSON.stringify(next?.href ?? location)}: ${words}` });
      if (next === undefined) throw say('failed to parse Location header');
      if (redirects >= mostRedirects) throw say(`stopped after ${mostRedirects} redirects`);
      if (next.protocol !== 'https:' && next.protocol !== 'http:') throw say(`unsupported protocol scheme ${JSON.stringify(next.protocol.slice(0, -1))}`);
      current = redirected(current, answer.status);
      // What opens the registry must not be told to whom it points.
      if (next.origin !== url.origin) current = { ...current, headers: withoutSecrets(current) };
      url = next;
    }
  }

  [Symbol.dispose](): void {
    for (const agent of [this.#plain, this.#secure, this.#plainDirect, this.#secureDirect]) agent.destroy();
  }

  async #once(url: URL, options: ExchangeOptions): Promise<Answer> {
    options.signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const secure = url.protocol === 'https:';
    const direct = isDirect(url, this.#proxies);
    const send = secure ? requestSecure : requestPlain;
    const agent = secure ? (direct ? this.#secureDirect : this.#secure) : direct ? this.#plainDirect : this.#plain;
    const late = new AbortController();
    let connected = false;
    let answered = false;
    const { body } = options;
    const timer = setTimeout(() => late.abort(), answerTimeout);
    const request = send(url, {
      agent,
      method: options.method ?? 'GET',
      maxHeaderSize: largestHead,
      headers: { 'User-Agent': this.#userAgent, ...options.headers, ...(body === undefined || isStream(body) ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }) },
      signal: AbortSignal.any([options.signal, late.signal]),
    });
    request.once('socket', (socket) => socket.once(secure ? 'secureConnect' : 'connect', () => (connected = true)));
    request.once('socket', (socket) => releaseParsed(socket, request));
    let certificate: X509Certificate | undefined;
    // Before a connection that cannot be trusted is closed.
    request.once('socket', (socket) => void (socket instanceof TLSSocket && socket.prependOnceListener('secure', () => (certificate = shownBy(socket)))));
    request.once('response', (incoming) => {
      clearTimeout(timer);
      answered = true;
      resolve({ status: incoming.statusCode ?? 0, statusText: `${incoming.statusCode ?? 0} ${incoming.statusMessage ?? ''}`.trim(), headers: incoming.headers, body: incoming, url });
    });
    request.on('error', (error) => {
      clearTimeout(timer);
      if (options.signal.aborted) return reject(options.signal.reason as Error);
      const words = late.signal.aborted ? timeoutWords(connected) : describeNetworkError(error, url.hostname.replace(/^\[(.*)\]$/, '$1'), { proxied: !direct, largestHead, certificate });
      reject(fail('registry.unreachable', { message: `${verbOf(options)} ${JSON.stringify(url.href)}: ${words}`, host: url.host }, error));
    });
    if (isStream(body)) {
      clearTimeout(timer);
      void pour(body, request, () => answered).then(
        () => void (answered || setTimeout(() => void (answered || late.abort()), answerTimeout).unref()),
        // The source's own failure counts, not the broken request it leaves.
        (error: unknown) => {
          reject(error);
          request.destroy();
        },
      );
    } else request.end(body);
    return await promise;
  }
}

/** Gives the memory of what arrives back once the parser has copied out of it what it passes on. */
function releaseParsed(socket: Socket, request: ClientRequest): void {
  // Comes after the parser's own listener; gone before the connection is another request's, whose parser would come later.
  const release = (bytes: Buffer): void => {
    if (bytes.length >= worthReleasing) releaseBytes(bytes);
  };
  socket.on('data', release);
  request.once('close', () => socket.off('data', release));
}

/** Writes a stream as fast as the other side takes it; an answer before its end ends the sending. */
async function pour(body: AsyncIterable<Uint8Array>, request: ClientRequest, answered: () => boolean): Promise<void> {
  for await (const chunk of body) {
    if (answered() || request.destroyed) return;
    if (request.write(chunk)) continue;
    if (!(await hasRoom(request))) return;
  }
  if (!request.destroyed) request.end();
}

/** Waits until more can be written; false when the request broke, which it reports itself. */
async function hasRoom(request: ClientRequest): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const onDrain = (): void => resolve(true);
  const onClose = (): void => resolve(false);
  const onStall = (): void => reject(fail('registry.unreachable', { message: `write ${request.getHeader('host')?.toString() ?? ''}: i/o timeout` }));
  const timer = setTimeout(onStall, longestStall);
  request.once('drain', onDrain);
  request.once('close', onClose);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    request.off('drain', onDrain);
    request.off('close', onClose);
  }
}

/** As browsers and Go do: after 301, 302 and 303 a GET; after 307 and 308 the same again. */
function redirected(options: ExchangeOptions, status: number): ExchangeOptions {
  const { method = 'GET' } = options;
  if (status >= 307 || method === 'GET' || method === 'HEAD') return options;
  const { body: _body, headers = {}, verb: _verb, ...others } = options;
  return { ...others, method: 'GET', headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !/^content-/i.test(name))) };
}

function withoutSecrets({ headers = {}, secretHeaders = [] }: ExchangeOptions): Record<string, string> {
  const secret = new Set(['authorization', 'cookie', ...secretHeaders.map((name) => name.toLowerCase())]);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !secret.has(name.toLowerCase())));
}

function isStream(body: RequestBody | undefined): body is AsyncIterable<Uint8Array> {
  return body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array);
}

function verbOf({ verb, method = 'GET' }: ExchangeOptions): string {
  return verb ?? `${method.slice(0, 1)}${method.slice(1).toLowerCase()}`;
}

function timeoutWords(connected: boolean): string {
  return connected
    ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
    : 'net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)';
}

/** `getPeerX509Certificate` takes the certificate away from the check of names that follows (Node 24). */
function shownBy(socket: TLSSocket): X509Certificate | undefined {
  const { raw }: { raw?: Buffer } = socket.getPeerCertificate();
  return raw === undefined ? undefined : new X509Certificate(raw);
}
