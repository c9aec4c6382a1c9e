/** Searches an index for repositories by the v1 search API, which Docker Hub and private indexes serve. */
import { EngineError, fail, messageOf } from '#base/errors/failure.ts';
import { Authorizer } from './authorizer.ts';
import { parseChallenges } from './challenge.ts';
import { basicAuthorization, type Credentials } from './credentials.ts';
import { trustOf, type RegistryConfiguration } from './endpoints.ts';
import { HttpExchange, type Answer } from './http-exchange.ts';
import { withoutProxy } from './proxy-settings.ts';
import { readAnswer } from './read-answer.ts';
import { readJson } from './read-json.ts';

export interface FoundRepository {
  readonly star_count: number;
  readonly is_official: boolean;
  readonly name: string;
  readonly is_automated: boolean;
  readonly description: string;
}

export interface SearchOptions {
  /** `busybox`, or `registry.example/term`. */
  readonly term: string;
  /** 0: the index's default. */
  readonly limit: number;
  readonly credentials: Credentials;
  readonly configuration: RegistryConfiguration;
  readonly userAgent: string;
  readonly signal: AbortSignal;
}

const hub = 'docker.io';
const hubIndex = 'https://index.docker.io';
const defaultLimit = 25;
const searchScope = 'registry:catalog:search';
const largestResult = 8 * 1024 * 1024;

/** @throws registry.invalid_parameter, registry.unreachable, registry.unexpected_answer */
export async function searchRepositories(options: SearchOptions): Promise<FoundRepository[]> {
  const { term, limit, configuration, userAgent, credentials, signal } = options;
  if (term.includes('://')) throw fail('registry.invalid_parameter', { message: `invalid repository name: repository name (${term}) should not have a scheme` });
  const { index, name } = splitTerm(term);
  const isHub = index === hub;
  const trust = await trustOf(isHub ? new URL(hubIndex).host : index, isHub ? { ...configuration, insecureRegistries: [] } : configuration);
  using exchange = new HttpExchange(trust, userAgent, configuration.proxies ?? withoutProxy);
  const { base, standalone } = isHub ? { base: new URL(hubIndex), standalone: false } : await findIndex(exchange, index, signal);
  const asked = limit === 0 ? defaultLimit : limit;
  if (asked < 1 || asked > 100) throw fail('registry.invalid_parameter', { message: `limit ${asked} is outside the range of [1, 100]` });
  const authorization = await authorizationFor(exchange, base, { credentials, standalone, signal });
  const url = new URL(`${base.origin}/v1/search`);
  url.searchParams.set('q', isHub ? name.replace(/^library\//, '') : name);
  url.searchParams.set('n', String(asked));
  const ask = async (as: string | undefined): Promise<Answer> => await exchange.send(url, { headers: { 'X-Docker-Token': 'true', ...(as === undefined ? {} : { Authorization: as }) }, signal });
  let answer = await ask(authorization);
  if (answer.status === 401) {
    // A registry that has an index of its own may say how it wants to be asked.
    const challenged = await answerTo(exchange, answer, credentials, signal);
    if (challenged !== undefined) {
      answer.body.resume();
      answer = await ask(challenged);
    }
  }
  if (answer.status !== 200) {
    answer.body.resume();
    throw fail('registry.unexpected_answer', { message: `Unexpected status code ${answer.status}`, status: answer.status });
  }
  return resultsIn(await readAnswer(answer.body, 'search result', largestResult));
}

function splitTerm(term: string): { index: string; name: string } {
  const cut = term.indexOf('/');
  const first = cut < 0 ? '' : term.slice(0, cut);
  if (cut < 0 || (!/[.:]/.test(first) && first !== 'localhost')) return { index: hub, name: term };
  return { index: first === 'index.docker.io' ? hub : first, name: term.slice(cut + 1) };
}

async function findIndex(exchange: HttpExchange, index: string, signal: AbortSignal): Promise<{ base: URL; standalone: boolean }> {
  const secure = new URL(`https://${index}`);
  const place = (base: URL): string => `${base.origin}/v1/`;
  try {
    return { base: secure, standalone: await ping(exchange, secure, signal) };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    if (!exchange.insecure) {
      throw fail(
        'registry.invalid_parameter',
        {
          message: `invalid registry endpoint ${place(secure)}: ${error.message}. If this private registry supports only HTTP or HTTPS with an unknown CA certificate, please add \`--insecure-registry ${secure.host}\` to the daemon's arguments. In the case of HTTPS, if you have access to the registry's CA certificate, no need for the flag; simply place the CA certificate at /etc/docker/certs.d/${secure.host}/ca.crt`,
        },
        error,
      );
    }
    const plain = new URL(`http://${index}`);
    try {
      await ping(exchange, plain, signal);
      // The password goes over TLS only.
      return { base: plain, standalone: false };
    } catch (second) {
      if (!(second instanceof EngineError)) throw second;
      throw fail('registry.invalid_parameter', { message: `invalid registry endpoint ${JSON.stringify(place(plain))}. HTTPS attempt: ${error.message}. HTTP attempt: ${second.message}` }, second);
    }
  }
}

/** Whether the index is a registry of its own, which takes passwords. */
async function ping(exchange: HttpExchange, base: URL, signal: AbortSignal): Promise<boolean> {
  const answer = await exchange.send(new URL(`${base.origin}/v1/_ping`), { signal });
  answer.body.destroy();
  const told = String(answer.headers['x-docker-registry-standalone'] ?? 'true');
  return told === '1' || told.toLowerCase() === 'true';
}

async function authorizationFor(exchange: HttpExchange, base: URL, { credentials, standalone, signal }: { credentials: Credentials; standalone: boolean; signal: AbortSignal }): Promise<string | undefined> {
  if (credentials.identityToken !== '' && credentials.username !== '') {
    const answer = await exchange.send(new URL(`${base.origin}/v2/`), { signal });
    answer.body.resume();
    const authorizer = new Authorizer(exchange, { credentials, offline: true });
    authorizer.challenge(parseChallenges(answer.headers['www-authenticate']));
    return await authorizer.authorization([searchScope], signal);
  }
  return credentials.username !== '' && (standalone || base.href.startsWith(hubIndex)) ? basicAuthorization(credentials) : undefined;
}

/** Undefined when the challenge cannot be answered. */
async function answerTo(exchange: HttpExchange, answer: Answer, credentials: Credentials, signal: AbortSignal): Promise<string | undefined> {
  const authorizer = new Authorizer(exchange, { credentials });
  authorizer.challenge(parseChallenges(answer.headers['www-authenticate']));
  try {
    return await authorizer.authorization([searchScope], signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof EngineError) return undefined;
    throw error;
  }
}

function resultsIn(bytes: Buffer): FoundRepository[] {
  let document: unknown;
  try {
    document = readJson(bytes.toString('utf8'));
  } catch (error) {
    throw fail('registry.unexpected_answer', { message: `error decoding registry search results: ${messageOf(error)}` }, error);
  }
  const results = (document as { results?: unknown } | null)?.results;
  if (!Array.isArray(results)) return [];
  return results.filter((entry): entry is Record<string, unknown> => typeof entry === 'object' && entry !== null).map((entry) => ({
    star_count: typeof entry['star_count'] === 'number' ? entry['star_count'] : 0,
    is_official: entry['is_official'] === true,
    name: typeof entry['name'] === 'string' ? entry['name'] : '',
    // Nobody can rely on it: Docker says false for all.
    is_automated: false,
    description: typeof entry['description'] === 'string' ? entry['description'] : '',
  }));
}
