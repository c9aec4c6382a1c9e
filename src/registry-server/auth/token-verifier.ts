/** Bearer tokens of a token server (CNCF distribution, "Token Authentication"): checked by its keys, and what they grant. */
import { createPublicKey, X509Certificate, type JsonWebKey, type KeyObject } from 'node:crypto';
import { Refusal } from '../http/refusal.ts';
import type { Actor, RepositoryAction } from './access-rules.ts';
import { isSignedBy, keyOfChain, parseToken, type ParsedToken } from './json-web-token.ts';

/** Clocks of two machines may differ so much, in seconds. */
const leeway = 60;

export interface VerifierOptions {
  readonly issuer: string;
  readonly service: string;
  readonly keys: TrustedKeys;
}

export interface TrustedKeys {
  readonly keys: readonly { readonly id: string | undefined; readonly key: KeyObject }[];
  readonly authorities: readonly X509Certificate[];
}

/** From a JSON Web Key Set, or from PEM with certificates and public keys. @throws Error when there is none */
export function readTrustedKeys(text: string): TrustedKeys {
  if (text.trimStart().startsWith('{')) {
    const document = JSON.parse(text) as { keys?: unknown };
    const entries = Array.isArray(document.keys) ? (document.keys as JsonWebKey[]) : [];
    const keys = entries.filter(({ kty }) => kty !== 'oct').map((jwk) => ({ id: typeof jwk['kid'] === 'string' ? jwk['kid'] : undefined, key: createPublicKey({ key: jwk, format: 'jwk' }) }));
    if (keys.length === 0) throw new Error('the key set has no public key');
    return { keys, authorities: [] };
  }
  const blocks = text.match(/-----BEGIN ([A-Z ]+)-----[\s\S]+?-----END \1-----/g) ?? [];
  const authorities = blocks.filter((block) => block.includes('BEGIN CERTIFICATE')).map((block) => new X509Certificate(block));
  const plain = blocks.filter((block) => block.includes('PUBLIC KEY')).map((block) => createPublicKey(block));
  const keys = [...plain, ...authorities.map(({ publicKey }) => publicKey)].map((key) => ({ id: undefined, key }));
  if (keys.length === 0) throw new Error('there is neither a certificate nor a public key in it');
  return { keys, authorities };
}

export class TokenVerifier {
  readonly #options: VerifierOptions;

  constructor(options: VerifierOptions) {
    this.#options = options;
  }

  /** @throws UNAUTHORIZED saying what is wrong */
  actor(text: string): Actor {
    const token = parseToken(text);
    if (token === undefined) throw invalid('it is no JSON Web Token');
    if (!this.#isTrusted(token)) throw invalid('no trusted key has signed it');
    const { iss, sub, aud, exp, nbf, access } = token.claims;
    const { issuer, service } = this.#options;
    if (iss !== issuer) throw invalid('its issuer is another');
    if (!(Array.isArray(aud) ? aud : [aud]).includes(service)) throw invalid('it is meant for another service');
    const now = Date.now() / 1000;
    if (typeof exp !== 'number' || exp + leeway < now) throw invalid('it has expired');
    if (nbf !== undefined && (typeof nbf !== 'number' || nbf - leeway > now)) throw invalid('it is not valid yet');
    return actorByClaims(typeof sub === 'string' && sub !== '' ? sub : undefined, access);
  }

  #isTrusted(token: ParsedToken): boolean {
    const { keys, authorities } = this.#options.keys;
    if (token.head.x5c.length > 0) {
      const key = keyOfChain(token.head.x5c, authorities);
      if (key !== undefined) return isSignedBy(token, key);
    }
    const { kid } = token.head;
    const named = keys.filter(({ id }) => id !== undefined && id === kid);
    return (named.length > 0 ? named : keys).some(({ key }) => isSignedBy(token, key));
  }
}

function actorByClaims(name: string | undefined, access: unknown): Actor {
  const granted = new Map<string, Set<string>>();
  for (const entry of Array.isArray(access) ? access : []) {
    const { type, name: resource, actions } = (entry ?? {}) as { type?: unknown; name?: unknown; actions?: unknown };
    if (typeof type !== 'string' || typeof resource !== 'string' || !Array.isArray(actions)) continue;
    const key = `${type.replace(/\(.*\)$/, '')}:${resource}`;
    granted.set(key, new Set([...(granted.get(key) ?? []), ...actions.map(String)]));
  }
  const has = (key: string, action: string): boolean => granted.get(key)?.has(action) === true || granted.get(key)?.has('*') === true;
  return {
    name,
    lists: has('registry:catalog', '*') ? 'all' : 'none',
    may: (action: RepositoryAction, repository) => has(`repository:${repository}`, action),
  };
}

function invalid(reason: string): Refusal {
  return new Refusal('UNAUTHORIZED', { message: `the token is refused: ${reason}` });
}
