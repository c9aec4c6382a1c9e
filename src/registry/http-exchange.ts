/** One HTTP request to a registry or its token server, followed through redirects. */
import { Agent as PlainAgent, request as requestPlain, type IncomingMessage } from 'node:http';
import { Agent as SecureAgent, request as requestSecure, type AgentOptions } from 'node:https';
import { isIP } from 'node:net';
import { fail } from '#base/errors/failure.ts';
import { describeNetworkError } from './go-network-error.ts';

export interface ExchangeOptions {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
  /** Verb as messages name it; Docker asks for tags by HEAD first. */
  readonly verb?: 'Get' | 'Head' | 'Post';
}

export interface TlsTrust {
  /** Certificates are not looked at. */
  readonly insecure: boolean;
  readonly ca?: readonly string[];
  readonly cert?: string;
  readonly key?: string;
}

export interface Answer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingMessage['headers'];
  /** Must be read, by `limitSilence`, or destroyed. */
  readonly body: IncomingMessage;
}

const mostRedirects = 10;
const answerTimeout = 30_000;

/** Keeps connections for one operation. */
export class HttpExchange implements Disposable {
  readonly #trust: TlsTrust;
  readonly #userAgent: string;
  readonly #agents: (PlainAgent | SecureAgent)[] = [];
  readonly #plain: PlainAgent;
  readonly #secure: SecureAgent;
  readonly #plainDirect: PlainAgent;
  readonly #secureDirect: SecureAgent;

  constructor(trust: TlsTrust, userAgent: string) {
    this.#trust = trust;
    this.#userAgent = userAgent;
    const tls: AgentOptions = {
      rejectUnauthorized: !trust.insecure,
      ...(trust.ca === undefined ? {} : { ca: [...trust.ca] }),
      ...(trust.cert === undefined ? {} : { cert: trust.cert }),
      ...(trust.key === undefined ? {} : { key: trust.key }),
    };
    this.#plainDirect = new PlainAgent({ keepAlive: true });
    this.#secureDirect = new SecureAgent({ keepAlive: true, ...tls });
    this.#plain = new PlainAgent({ keepAlive: true, proxyEnv: process.env });
    this.#secure = new SecureAgent({ keepAlive: true, proxyEnv: process.env, ...tls });
    this.#agents.push(this.#plain, this.#secure, this.#plainDirect, this.#secureDirect);
  }

  get insecure(): boolean {
    return this.#trust.insecure;
  }

  /** @throws registry.unreachable in Docker's words, the signal's reason */
  async send(address: URL, options: ExchangeOptions): Promise<Answer> {
    let url = address;
    let headers = { ...options.headers };
    for (let redirects = 0; ; redirects++) {
      const answer = await this.#once(url, { ...options, headers });
      const location = answer.headers.location;
      if (answer.status < 300 || answer.status > 399 || answer.status === 304 || location === undefined) return answer;
      answer.body.resume();
      const next = new URL(location, url);
      if (redirects >= mostRedirects) throw fail('registry.unexpected_answer', { message: `Get ${JSON.stringify(next.href)}: stopped after ${mostRedirects} redirects` });
      if (next.protocol !== 'https:' && next.protocol !== 'http:') throw fail('registry.unexpected_answer', { message: `Get ${JSON.stringify(next.href)}: unsupported protocol scheme ${JSON.stringify(next.protocol.slice(0, -1))}` });
      // What opens the registry must not be told to whom it points.
      if (next.host !== url.host) {
        const { Authorization: _secret, ...others } = headers;
        headers = others;
      }
      url = next;
    }
  }

  [Symbol.dispose](): void {
    for (const agent of this.#agents) agent.destroy();
  }

  async #once(url: URL, options: ExchangeOptions): Promise<Answer> {
    options.signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const secure = url.protocol === 'https:';
    const direct = isLoopback(url.hostname);
    const send = secure ? requestSecure : requestPlain;
    const agent = secure ? (direct ? this.#secureDirect : this.#secure) : direct ? this.#plainDirect : this.#plain;
    const late = new AbortController();
    let connected = false;
    const timer = setTimeout(() => late.abort(), answerTimeout);
    const request = send(url, {
      agent,
      method: options.method ?? 'GET',
      headers: { 'User-Agent': this.#userAgent, ...options.headers, ...(options.body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(options.body)) }) },
      signal: AbortSignal.any([options.signal, late.signal]),
    });
    request.once('socket', (socket) => socket.once(secure ? 'secureConnect' : 'connect', () => (connected = true)));
    request.once('response', (body) => {
      clearTimeout(timer);
      resolve({ status: body.statusCode ?? 0, statusText: `${body.statusCode ?? 0} ${body.statusMessage ?? ''}`.trim(), headers: body.headers, body });
    });
    request.once('error', (error) => {
      clearTimeout(timer);
      if (options.signal.aborted) return reject(options.signal.reason as Error);
      const words = late.signal.aborted ? timeoutWords(connected) : describeNetworkError(error, url.hostname);
      reject(fail('registry.unreachable', { message: `${options.verb ?? 'Get'} ${JSON.stringify(url.href)}: ${words}`, host: url.host }, error));
    });
    request.end(options.body);
    return await promise;
  }
}

function timeoutWords(connected: boolean): string {
  return connected
    ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
    : 'net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)';
}

/** Proxies are not asked for this machine itself. */
function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  return bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'));
}
