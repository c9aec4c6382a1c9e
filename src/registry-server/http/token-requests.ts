/** The token endpoint (CNCF distribution, "Token Authentication" and "OAuth2 Token Authentication"): GET with Basic, POST with a password. */
import type { IncomingMessage } from 'node:http';
import type { Authenticator } from '../auth/authenticator.ts';
import type { TokenAnswer } from '../auth/token-issuer.ts';
import { readBody } from './receive-body.ts';
import { Refusal } from './refusal.ts';

const largestForm = 64 * 1024;
const mostScopes = 64;

/** @throws UNAUTHORIZED for a wrong password, UNSUPPORTED where tokens are not made here */
export async function answerToken(request: IncomingMessage, query: URLSearchParams, authenticator: Authenticator): Promise<TokenAnswer> {
  const { issuer } = authenticator;
  if (issuer === undefined) throw new Refusal('UNSUPPORTED', { status: 404, message: 'tokens are not made here' });
  if (request.method === 'GET') {
    const actor = await authenticator.authenticate(request.headers.authorization);
    return issuer.issue(actor, scopesOf(query));
  }
  if (request.method !== 'POST') throw new Refusal('UNSUPPORTED');
  const form = await readForm(request);
  if (form.get('grant_type') !== 'password') throw new Refusal('UNSUPPORTED', { status: 400, message: 'only grant_type=password is supported' });
  const credentials = Buffer.from(`${form.get('username') ?? ''}:${form.get('password') ?? ''}`).toString('base64');
  const actor = await authenticator.authenticate(`Basic ${credentials}`);
  return issuer.issue(actor, scopesOf(form));
}

function scopesOf(parameters: URLSearchParams): string[] {
  return parameters.getAll('scope').flatMap((scope) => scope.split(' ')).filter((scope) => scope !== '').slice(0, mostScopes);
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const tooLarge = (): Refusal => new Refusal('UNSUPPORTED', { status: 413, message: 'the form is too large' });
  const bytes = await readBody(request, { slowest: 1, limit: largestForm, tooLarge });
  return new URLSearchParams(bytes.toString('utf8'));
}
