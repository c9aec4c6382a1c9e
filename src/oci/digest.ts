/** Content digests, `algorithm:hex` (OCI image-spec, descriptor digests). Only sha256, sha384 and sha512 are known. */
import { createHash } from 'node:crypto';

const encodedLengths = { sha256: 64, sha384: 96, sha512: 128 } as const;

/** The algorithms a digest may name. */
export type DigestAlgorithm = keyof typeof encodedLengths;

/** Why a text is no digest, in the words Docker clients see. */
export type DigestFault = 'invalid checksum digest format' | 'invalid checksum digest length' | 'unsupported digest algorithm';

const anyDigest = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/;

/** Undefined when `text` is a digest of a known algorithm, else what is wrong with it. */
export function digestFault(text: string): DigestFault | undefined {
  const colon = text.indexOf(':');
  if (colon <= 0 || colon + 1 === text.length) return 'invalid checksum digest format';
  const algorithm = text.slice(0, colon);
  if (!isAlgorithm(algorithm)) return anyDigest.test(text) ? 'unsupported digest algorithm' : 'invalid checksum digest format';
  const encoded = text.slice(colon + 1);
  if (encoded.length !== encodedLengths[algorithm]) return 'invalid checksum digest length';
  return /^[a-f0-9]+$/.test(encoded) ? undefined : 'invalid checksum digest format';
}

export function isDigest(text: string): boolean {
  return digestFault(text) === undefined;
}

/** The digest's algorithm; the digest must be valid. */
export function digestAlgorithm(digest: string): DigestAlgorithm {
  const algorithm = digest.slice(0, digest.indexOf(':'));
  if (!isAlgorithm(algorithm)) throw new Error(`bug: digest ${digest} was not checked`);
  return algorithm;
}

/** What follows the algorithm. */
export function encodedPart(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** Whether content has this digest, which must be valid. */
export function hasDigest(content: string | Uint8Array, digest: string): boolean {
  return createHash(digestAlgorithm(digest)).update(content).digest('hex') === encodedPart(digest);
}

/** sha256 digest of bytes or of a text's UTF-8 form. */
export function digestOf(content: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

function isAlgorithm(text: string): text is DigestAlgorithm {
  return Object.hasOwn(encodedLengths, text);
}
