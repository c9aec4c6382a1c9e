/** Tells who sends a request, and how one may say so: no authentication, Basic, or Bearer tokens of our own or of an outside server. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, messageOf } from '#base/errors/failure.ts';
import { Refusal } from '../http/refusal.ts';
import type { ServerOptions } from '../server-options.ts';
import { actorByRules, type Actor } from './access-rules.ts';
import { HtpasswdFile } from './htpasswd.ts';
import { TokenIssuer } from './token-issuer.ts';
import { readTrustedKeys, TokenVerifier } from './token-verifier.ts';

export const tokenPath = '/auth/token';

export interface ChallengeContext {
  /** The address the client knows this server by. */
  readonly origin: string;
  /** `repository:name:pull,push`. */
  readonly scope: string | undefined;
  readonly error: 'invalid_token' | 'insufficient_scope' | undefined;
}

export interface Authenticator {
  /** @throws UNAUTHORIZED when what was sent is wrong */
  authenticate(authorization: string | undefined): Promise<Actor>;
  /** For `WWW-Authenticate`; undefined where nobody needs to say who he is. */
  challenge(context: ChallengeContext): string | undefined;
  /** Makes tokens, where that is done here. */
  readonly issuer: TokenIssuer | undefined;
}

/** @throws registry_server.unreadable_file */
export async function openAuthenticator(options: ServerOptions): Promise<Authenticator> {
  const { authentication, access } = options;
  switch (authentication.kind) {
    case 'none':
      return { issuer: undefined, challenge: () => undefined, authenticate: async () => actorByRules(undefined, access, true) };
    case 'basic': {
      const users = await HtpasswdFile.open(authentication.htpasswd);
      return {
        issuer: undefined,
        challenge: () => 'Basic realm="dhow registry"',
        authenticate: async (authorization) => await byPassword(users, authorization, options),
      };
    }
    case 'own-tokens': {
      const users = await HtpasswdFile.open(authentication.htpasswd);
      const { service, lifetime } = authentication;
      const issuer = await TokenIssuer.open(join(options.storage, 'token-key.pem'), { service, lifetime });
      const verifier = new TokenVerifier(issuer.verifier);
      return {
        issuer,
        challenge: ({ origin, scope, error }) => bearer(`${origin}${tokenPath}`, service, scope, error),
        authenticate: async (authorization) => {
          const token = bearerToken(authorization);
          return token === undefined ? await byPassword(users, authorization, options) : verifier.actor(token);
        },
      };
    }
    case 'outside-tokens': {
      const { realm, service, issuer, keys } = authentication.tokens;
      const verifier = new TokenVerifier({ issuer, service, keys: await readKeyFile(keys) });
      return {
        issuer: undefined,
        challenge: ({ scope, error }) => bearer(realm, service, scope, error),
        authenticate: async (authorization) => {
          const token = bearerToken(authorization);
          if (token !== undefined) return verifier.actor(token);
          if (authorization !== undefined) throw new Refusal('UNAUTHORIZED', { message: `this registry takes tokens of ${realm} only` });
          return { name: undefined, lists: 'none', may: () => false };
        },
      };
    }
  }
}

async function byPassword(users: HtpasswdFile, authorization: string | undefined, options: ServerOptions): Promise<Actor> {
  if (authorization === undefined) return actorByRules(undefined, options.access, false);
  const encoded = /^Basic +([A-Za-z0-9+/=_-]+)$/i.exec(authorization)?.[1];
  if (encoded === undefined) throw new Refusal('UNAUTHORIZED', { message: 'this registry takes a name and a password (Basic) only' });
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  const name = text.slice(0, colon);
  if (colon <= 0 || !(await users.accepts(name, text.slice(colon + 1)))) throw new Refusal('UNAUTHORIZED');
  return actorByRules(name, options.access, false);
}

function bearerToken(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : /^Bearer +(\S+)$/i.exec(authorization)?.[1];
}

function bearer(realm: string, service: string, scope: string | undefined, error: string | undefined): string {
  const parts = [`realm="${realm}"`, `service="${service}"`];
  if (scope !== undefined) parts.push(`scope="${scope}"`);
  if (error !== undefined) parts.push(`error="${error}"`);
  return `Bearer ${parts.join(',')}`;
}

async function readKeyFile(path: string): Promise<ReturnType<typeof readTrustedKeys>> {
  try {
    return readTrustedKeys(await readFile(path, 'utf8'));
  } catch (error) {
    throw fail('registry_server.unreadable_file', { what: "the token server's keys", path, reason: messageOf(error) }, error);
  }
}
