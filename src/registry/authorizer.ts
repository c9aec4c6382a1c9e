/**
 * Answers a registry's challenge: bearer tokens of its token server, kept until shortly before they expire, or the
 * password itself. One per endpoint and operation.
 */
import { fail } from '#base/errors/failure.ts';
import type { Challenge } from './challenge.ts';
import { basicAuthorization, type Credentials } from './credentials.ts';
import type { HttpExchange } from './http-exchange.ts';
import { readAnswer } from './read-answer.ts';
import { readJson } from './read-json.ts';
import { refusalOf } from './registry-error.ts';

export interface AuthorizerOptions {
  readonly credentials: Credentials;
  /** Asks for a token to log in with later, too. */
  readonly offline?: boolean;
}

interface Token {
  readonly header: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

const largestToken = 1024 * 1024;
const clientId = 'docker';
/** Seconds that a token is good for at least, whatever is said of it: old servers say nothing and mean this. */
const shortestLife = 60;
/** Milliseconds before its end from which a token is not used any more. */
const margin = 5_000;

export class Authorizer {
  readonly #exchange: HttpExchange;
  readonly #credentials: Credentials;
  readonly #offline: boolean;
  readonly #tokens = new Map<string, Promise<Token>>();
  #challenges: readonly Challenge[] = [];
  #refreshToken: string;

  constructor(exchange: HttpExchange, options: AuthorizerOptions) {
    this.#exchange = exchange;
    this.#credentials = options.credentials;
    this.#offline = options.offline === true;
    this.#refreshToken = options.credentials.identityToken;
  }

  /** The token to log in with later, as the token server last gave it; empty: none. */
  get identityToken(): string {
    return this.#refreshToken;
  }

  /** Takes what a registry asks for; what was good for an older challenge is forgotten. */
  challenge(challenges: readonly Challenge[]): void {
    this.#challenges = challenges;
    this.#tokens.clear();
  }

  /**
   * The `Authorization` header for requests within these scopes (`repository:library/busybox:pull`); undefined when the
   * registry asks for none.
   * @throws registry.unauthorized, registry.refused, registry.unreachable
   */
  async authorization(scopes: readonly string[], signal: AbortSignal): Promise<string | undefined> {
    const bearer = this.#challenges.find(({ scheme }) => scheme === 'bearer');
    const { registryToken } = this.#credentials;
    if (registryToken !== '') return bearer === undefined ? undefined : `Bearer ${registryToken}`;
    if (bearer !== undefined) return await this.#token(bearer, scopes, signal);
    if (!this.#challenges.some(({ scheme }) => scheme === 'basic')) return undefined;
    if (this.#credentials.username === '' || this.#credentials.password === '') throw fail('registry.unauthorized', { message: 'no basic auth credentials' });
    return basicAuthorization(this.#credentials);
  }

  async #token(challenge: Challenge, scopes: readonly string[], signal: AbortSignal): Promise<string> {
    const key = scopes.join(' ');
    const known = await this.#tokens.get(key)?.catch(() => undefined);
    if (known !== undefined && known.expires - margin > Date.now()) return known.header;
    const asked = this.#fetch(challenge, scopes, signal);
    this.#tokens.set(key, asked);
    try {
      return (await asked).header;
    } catch (error) {
      if (this.#tokens.get(key) === asked) this.#tokens.delete(key);
      throw error;
    }
  }

  async #fetch({ parameters }: Challenge, scopes: readonly string[], signal: AbortSignal): Promise<Token> {
    const realm = parameters.get('realm');
    if (realm === undefined) throw fail('registry.unauthorized', { message: 'no realm specified for token auth challenge' });
    if (!URL.canParse(realm)) throw fail('registry.unauthorized', { message: `invalid token auth challenge realm: ${realm}` });
    const service = parameters.get('service') ?? '';
    const url = new URL(realm);
    const asked = Date.now();
    const document = this.#refreshToken === '' ? await this.#get(url, { service, scopes, signal }) : await this.#post(url, { service, scopes, signal });
    const { token, access_token: accessToken, refresh_token: refreshToken, expires_in: life } = document;
    if (typeof refreshToken === 'string' && refreshToken !== '') this.#refreshToken = refreshToken;
    const found = [accessToken, token].find((candidate): candidate is string => typeof candidate === 'string' && candidate !== '');
    if (found === undefined) throw fail('registry.unauthorized', { message: 'authorization server did not include a token in the response' });
    const seconds = typeof life === 'number' && Number.isFinite(life) ? Math.max(life, shortestLife) : shortestLife;
    // A clock of another machine is not asked: the token was made after it was asked for.
    return { header: `Bearer ${found}`, expires: asked + seconds * 1000 };
  }

  async #get(realm: URL, { service, scopes, signal }: TokenRequest): Promise<TokenDocument> {
    const url = new URL(realm);
    if (service !== '') url.searchParams.append('service', service);
    for (const scope of scopes) url.searchParams.append('scope', scope);
    if (this.#offline) {
      url.searchParams.append('offline_token', 'true');
      url.searchParams.append('client_id', clientId);
    }
    const { username, password } = this.#credentials;
    const named = username !== '' && password !== '';
    if (named) url.searchParams.append('account', username);
    return await this.#read(url, { headers: named ? { Authorization: basicAuthorization(this.#credentials) } : {}, signal });
  }

  async #post(realm: URL, { service, scopes, signal }: TokenRequest): Promise<TokenDocument> {
    const form = { scope: scopes.join(' '), service, client_id: clientId, grant_type: 'refresh_token', refresh_token: this.#refreshToken };
    return await this.#read(realm, { method: 'POST', body: new URLSearchParams(form).toString(), headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, signal });
  }

  async #read(url: URL, options: Parameters<HttpExchange['send']>[1]): Promise<TokenDocument> {
    const answer = await this.#exchange.send(url, options);
    if (answer.status < 200 || answer.status > 299) throw await refusalOf(answer);
    const bytes = await readAnswer(answer.body, 'token', largestToken);
    try {
      const document = readJson(bytes.toString('utf8'));
      return (document ?? {}) as TokenDocument;
    } catch (error) {
      throw fail('registry.unauthorized', { message: `unable to decode token response: ${error instanceof Error ? error.message : ''}` }, error);
    }
  }
}

interface TokenRequest {
  readonly service: string;
  readonly scopes: readonly string[];
  readonly signal: AbortSignal;
}

interface TokenDocument {
  readonly token?: unknown;
  readonly access_token?: unknown;
  readonly refresh_token?: unknown;
  readonly expires_in?: unknown;
}
