/** The registry's own token server: what `docker login` and the pulls after it ask for, granted by the access rules. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { isMissing } from '../storage/blob-files.ts';
import { repositoryActions, type Actor } from './access-rules.ts';
import { makeToken } from './json-web-token.ts';
import type { VerifierOptions } from './token-verifier.ts';

export const ownIssuer = 'dhow-registry';

export interface TokenAnswer {
  readonly token: string;
  readonly access_token: string;
  readonly expires_in: number;
  readonly issued_at: string;
}

export class TokenIssuer {
  readonly #key: KeyObject;
  readonly #keyId: string;
  readonly #service: string;
  readonly #lifetime: number;

  private constructor(key: KeyObject, options: { service: string; lifetime: number }) {
    this.#key = key;
    this.#keyId = createHash('sha256').update(createPublicKey(key).export({ type: 'spki', format: 'der' })).digest('base64url').slice(0, 24);
    this.#service = options.service;
    this.#lifetime = options.lifetime;
  }

  /** With the key in `path`, made at the first time: tokens outlive a restart. `lifetime` in seconds. */
  static async open(path: string, options: { service: string; lifetime: number }): Promise<TokenIssuer> {
    return new TokenIssuer(createPrivateKey(await readOrMakeKey(path)), options);
  }

  get verifier(): VerifierOptions {
    return { issuer: ownIssuer, service: this.#service, keys: { keys: [{ id: this.#keyId, key: createPublicKey(this.#key) }], authorities: [] } };
  }

  /** A token for what of the scopes the actor may do. */
  issue(actor: Actor, scopes: readonly string[]): TokenAnswer {
    const now = Math.floor(Date.now() / 1000);
    const access = scopes.flatMap((scope) => grantOf(actor, scope));
    const token = makeToken(
      { iss: ownIssuer, sub: actor.name ?? '', aud: this.#service, iat: now, nbf: now - 5, exp: now + this.#lifetime, jti: randomUUID(), access },
      this.#key,
      this.#keyId,
    );
    return { token, access_token: token, expires_in: this.#lifetime, issued_at: new Date(now * 1000).toISOString() };
  }
}

function grantOf(actor: Actor, scope: string): { type: string; name: string; actions: string[] }[] {
  const [, type = '', name = '', wanted = ''] = /^([a-z]+)(?:\([a-z]+\))?:(.+):([a-z,*]+)$/.exec(scope) ?? [];
  if (type === 'registry' && name === 'catalog') return actor.lists === 'all' ? [{ type, name, actions: ['*'] }] : [];
  if (type !== 'repository') return [];
  const asked = wanted.split(',');
  const actions = repositoryActions.filter((action) => (asked.includes(action) || asked.includes('*')) && actor.may(action, name));
  return actions.length === 0 ? [] : [{ type, name, actions }];
}

async function readOrMakeKey(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (!isMissing(error)) throw error;
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const text = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await writeFile(`${path}.new`, text, { mode: 0o600, flush: true });
    await rename(`${path}.new`, path);
    return text;
  }
}
