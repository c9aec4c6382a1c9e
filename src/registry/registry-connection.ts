/** Requests to one endpoint of a registry, authorized as it asks. */
import { EngineError, fail } from '#base/errors/failure.ts';
import { Authorizer } from './authorizer.ts';
import { parseChallenges } from './challenge.ts';
import type { Credentials } from './credentials.ts';
import type { RegistryEndpoint } from './endpoints.ts';
import { HttpExchange, type Answer, type ExchangeOptions } from './http-exchange.ts';

export interface ConnectionOptions {
  readonly endpoint: RegistryEndpoint;
  readonly credentials: Credentials;
  readonly userAgent: string;
  /** `repository:library/busybox:pull` */
  readonly scopes: readonly string[];
  /** Ask for a token to log in with later. */
  readonly offline?: boolean;
}

export class RegistryConnection implements Disposable {
  readonly #options: ConnectionOptions;
  readonly #exchange: HttpExchange;
  readonly #authorizer: Authorizer;

  private constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#exchange = new HttpExchange(options.endpoint.trust, options.userAgent, options.endpoint.proxies);
    this.#authorizer = new Authorizer(this.#exchange, options);
  }

  /** Asks the registry how it wants to be spoken to. @throws registry.unreachable */
  static async open(options: ConnectionOptions, signal: AbortSignal): Promise<RegistryConnection> {
    const connection = new RegistryConnection(options);
    try {
      const answer = await connection.#exchange.send(connection.url('/v2/'), { signal });
      answer.body.resume();
      connection.#authorizer.challenge(parseChallenges(answer.headers['www-authenticate']));
      return connection;
    } catch (error) {
      connection[Symbol.dispose]();
      throw error;
    }
  }

  /** See {@link Authorizer.identityToken}. */
  get identityToken(): string {
    return this.#authorizer.identityToken;
  }

  /** A mirror may lie below a path. */
  url(path: string): URL {
    return new URL(this.#options.endpoint.base.href.replace(/\/+$/, '') + path);
  }

  /**
   * Sends a request; one to another host than the registry's goes without authorization. A refusal for want of
   * authorization is tried once more, unless the body is a stream: then the next request is authorized anew.
   */
  async send(target: string | URL, options: ExchangeOptions & { scopes?: readonly string[] }): Promise<Answer> {
    const url = typeof target === 'string' ? this.url(target) : target;
    const isOwn = url.origin === this.#options.endpoint.base.origin;
    for (let attempt = 0; ; attempt++) {
      const authorization = isOwn ? await this.#authorize(url, options) : undefined;
      const headers = { ...options.headers, ...(authorization === undefined ? {} : { Authorization: authorization }) };
      const answer = await this.#exchange.send(url, { ...options, headers });
      if (answer.status !== 401 || attempt > 0 || !isOwn) return answer;
      // The token has expired, or the registry asks only here.
      const challenges = parseChallenges(answer.headers['www-authenticate']);
      if (challenges.length === 0) return answer;
      this.#authorizer.challenge(challenges);
      const { body } = options;
      if (body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array)) return answer;
      answer.body.resume();
    }
  }

  [Symbol.dispose](): void {
    this.#exchange[Symbol.dispose]();
  }

  async #authorize(url: URL, options: ExchangeOptions & { scopes?: readonly string[] }): Promise<string | undefined> {
    try {
      return await this.#authorizer.authorization(options.scopes ?? this.#options.scopes, options.signal);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      const { method = 'GET' } = options;
      const verb = options.verb ?? `${method.slice(0, 1)}${method.slice(1).toLowerCase()}`;
      // As Go tells what went wrong on the way to a request.
      throw fail(error.code, { ...error.details, message: `${verb} ${JSON.stringify(url.href)}: ${error.message}`, bare: error.message, wrapped: true, detailed: false }, error);
    }
  }
}
