/** JSON Web Tokens (RFC 7519) with signatures (RFC 7515): reading, checking, making. Unsigned and symmetric ones are none. */
import { constants, sign as signBytes, verify as verifyBytes, X509Certificate, type KeyObject } from 'node:crypto';

export interface TokenHead {
  readonly alg: string;
  readonly kid: string | undefined;
  /** Certificates in base64 of DER, the signer's first. */
  readonly x5c: readonly string[];
}

export interface TokenClaims {
  readonly iss?: unknown;
  readonly sub?: unknown;
  readonly aud?: unknown;
  readonly exp?: unknown;
  readonly nbf?: unknown;
  readonly access?: unknown;
}

export interface ParsedToken {
  readonly head: TokenHead;
  readonly claims: TokenClaims;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

interface Algorithm {
  readonly keyType: string;
  readonly hash: string | null;
  readonly padding?: number;
  readonly curve?: string;
}

const algorithms: Readonly<Record<string, Algorithm>> = {
  RS256: { keyType: 'rsa', hash: 'sha256' },
  RS384: { keyType: 'rsa', hash: 'sha384' },
  RS512: { keyType: 'rsa', hash: 'sha512' },
  PS256: { keyType: 'rsa', hash: 'sha256', padding: constants.RSA_PKCS1_PSS_PADDING },
  PS384: { keyType: 'rsa', hash: 'sha384', padding: constants.RSA_PKCS1_PSS_PADDING },
  PS512: { keyType: 'rsa', hash: 'sha512', padding: constants.RSA_PKCS1_PSS_PADDING },
  ES256: { keyType: 'ec', hash: 'sha256', curve: 'prime256v1' },
  ES384: { keyType: 'ec', hash: 'sha384', curve: 'secp384r1' },
  ES512: { keyType: 'ec', hash: 'sha512', curve: 'secp521r1' },
  EdDSA: { keyType: 'ed25519', hash: null },
};

/** Undefined when it is no token. */
export function parseToken(text: string): ParsedToken | undefined {
  const [head, claims, signature, ...rest] = text.split('.');
  if (head === undefined || claims === undefined || signature === undefined || rest.length > 0) return undefined;
  const [headFields, claimFields] = [decode(head), decode(claims)];
  if (headFields === undefined || claimFields === undefined) return undefined;
  const { alg, kid, x5c } = headFields;
  if (typeof alg !== 'string') return undefined;
  return {
    head: { alg, kid: typeof kid === 'string' ? kid : undefined, x5c: Array.isArray(x5c) ? x5c.filter((entry) => typeof entry === 'string') : [] },
    claims: claimFields,
    signed: Buffer.from(`${head}.${claims}`),
    signature: Buffer.from(signature, 'base64url'),
  };
}

/** Whether the key has signed the token, by an algorithm that is one for such a key. */
export function isSignedBy(token: ParsedToken, key: KeyObject): boolean {
  const algorithm = Object.hasOwn(algorithms, token.head.alg) ? algorithms[token.head.alg] : undefined;
  if (algorithm === undefined || key.asymmetricKeyType !== algorithm.keyType) return false;
  if (algorithm.curve !== undefined && key.asymmetricKeyDetails?.namedCurve !== algorithm.curve) return false;
  const padding = algorithm.padding === undefined ? {} : { padding: algorithm.padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  return verifyBytes(algorithm.hash, token.signed, { key, dsaEncoding: 'ieee-p1363', ...padding }, token.signature);
}

/** The key of the first certificate when the chain leads to one of the authorities. */
export function keyOfChain(x5c: readonly string[], authorities: readonly X509Certificate[]): KeyObject | undefined {
  const chain: X509Certificate[] = [];
  try {
    for (const entry of x5c) chain.push(new X509Certificate(Buffer.from(entry, 'base64')));
  } catch {
    // A certificate that cannot be read proves nothing.
    return undefined;
  }
  const first = chain[0];
  const now = new Date();
  for (const [index, certificate] of chain.entries()) {
    if (certificate.validFromDate > now || certificate.validToDate < now) return undefined;
    if (authorities.some((authority) => authority.fingerprint256 === certificate.fingerprint256 || (certificate.checkIssued(authority) && certificate.verify(authority.publicKey)))) return first?.publicKey;
    const issuer = chain[index + 1];
    if (issuer === undefined || !issuer.ca || !certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) return undefined;
  }
  return undefined;
}

/** A token of the private P-256 key. */
export function makeToken(claims: Readonly<Record<string, unknown>>, key: KeyObject, keyId: string): string {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ typ: 'JWT', alg: 'ES256', kid: keyId })}.${encode(claims)}`;
  return `${signed}.${signBytes('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

function decode(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    // Said by the caller.
    return undefined;
  }
}
