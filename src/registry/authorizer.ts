/** Answers a registry's challenge: bearer tokens from its token server, or the password itself. */
import { fail } from '#base/errors/failure.ts';
import { basicAuthorization, type Credentials } from './credentials.ts';
import type { Challenge } from './challenge.ts';
import type { HttpExchange } from './http-exchange.ts';
import { readAnswer } from './read-answer.ts';
import { refusalOf } from './registry-error.ts';

const largestToken = 1024 * 1024;
const clientId = 'docker';

export interface AuthorizationRequest {
  readonly challenges: readonly Challenge[];
  readonly credentials: Credentials;
  /** `repository:library/busybox:pull` */
  readonly scope: string;
  readonly signal: AbortSignal;
}

/** The `Authorization` header to send; undefined when the registry asks for none. @throws registry.unauthorized, registry.refused, registry.unreachable */
export async function authorize(exchange: HttpExchange, request: AuthorizationRequest): Promise<string | undefined> {
  const { challenges, credentials } = request;
  if (credentials.registryToken !== '') return `Bearer ${credentials.registryToken}`;
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
  if (bearer !== undefined) return `Bearer ${await fetchToken(exchange, bearer, request)}`;
  if (!challenges.some(({ scheme }) => scheme === 'basic')) return undefined;
  if (credentials.username === '' || credentials.password === '') throw fail('registry.unauthorized', { message: 'no basic auth credentials' });
  return basicAuthorization(credentials);
}

async function fetchToken(exchange: HttpExchange, { parameters }: Challenge, request: AuthorizationRequest): Promise<string> {
  const { credentials, scope, signal } = request;
  const realm = parameters.get('realm');
  if (realm === undefined || !URL.canParse(realm)) throw fail('registry.unauthorized', { message: 'no realm specified for token auth challenge' });
  const service = parameters.get('service') ?? '';
  const url = new URL(realm);
  if (credentials.identityToken !== '') {
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: credentials.identityToken, service, client_id: clientId, scope }).toString();
    const answer = await exchange.send(url, { method: 'POST', verb: 'Post', body, headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, signal });
    if (answer.status !== 200) throw await refusalOf(answer);
    return tokenIn(await readAnswer(answer.body, 'token', largestToken));
  }
  if (service !== '') url.searchParams.set('service', service);
  url.searchParams.append('scope', scope);
  const named = credentials.username !== '';
  if (named) url.searchParams.set('account', credentials.username);
  const answer = await exchange.send(url, { headers: named ? { Authorization: basicAuthorization(credentials) } : {}, signal });
  if (answer.status < 200 || answer.status > 299) throw await refusalOf(answer);
  return tokenIn(await readAnswer(answer.body, 'token', largestToken));
}

function tokenIn(bytes: Buffer): string {
  let document: unknown;
  try {
    document = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw fail('registry.unauthorized', { message: `unable to decode token response: ${error instanceof Error ? error.message : ''}` }, error);
  }
  const { token, access_token: accessToken } = (document ?? {}) as { token?: unknown; access_token?: unknown };
  for (const candidate of [token, accessToken]) if (typeof candidate === 'string' && candidate !== '') return candidate;
  throw fail('registry.unauthorized', { message: 'authorization server did not include a token in the response' });
}
