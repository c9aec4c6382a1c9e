/**
 * Names of images: the grammar and normalisation of `distribution/reference` v0.6, which Docker uses.
 * `busybox` is short for `docker.io/library/busybox:latest`; texts of failures are Docker's.
 */
import { fail, type EngineError } from '#base/errors/failure.ts';
import { digestFault, isDigest } from './digest.ts';

/** A normalised name with an optional tag and an optional digest. */
export interface ImageReference {
  /** Registry, with port where one was given: `docker.io`, `localhost:5000`. */
  readonly domain: string;
  /** Repository within the registry: `library/busybox`. */
  readonly path: string;
  readonly tag?: string;
  readonly digest?: string;
}

/** What may stand where an image is asked for: a name, or an image id (also without `sha256:`). */
export type AnyReference = { readonly kind: 'name'; readonly name: ImageReference } | { readonly kind: 'digest'; readonly digest: string };

export const defaultDomain = 'docker.io';
const legacyDefaultDomain = 'index.docker.io';
const officialPrefix = 'library/';
export const defaultTag = 'latest';
const longestPath = 255;

const alphanumeric = '[a-z0-9]+';
const separator = '(?:[._]|__|[-]+)';
const pathComponent = `${alphanumeric}(?:${separator}${alphanumeric})*`;
const remoteName = `${pathComponent}(?:/${pathComponent})*`;
const domainComponent = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const host = `(?:${domainComponent}(?:\\.${domainComponent})*|\\[[a-fA-F0-9:]+\\])`;
const domainAndPort = `${host}(?::[0-9]+)?`;
const tagPattern = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}';
const digestPattern = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const wholeReference = new RegExp(`^((?:${domainAndPort}/)?${remoteName})(?::(${tagPattern}))?(?:@(${digestPattern}))?$`);
const wholeName = new RegExp(`^(?:(${domainAndPort})/)?(${remoteName})$`);
const wholeTag = new RegExp(`^${tagPattern}$`);
const identifier = /^[a-f0-9]{64}$/;

/** Reads a name as users write it. @throws image.invalid_reference */
export function parseReference(text: string): ImageReference {
  if (identifier.test(text)) throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  const { domain, remainder } = splitDomain(text);
  const colon = remainder.indexOf(':');
  const remote = colon < 0 ? remainder : remainder.slice(0, colon);
  if (remote.toLowerCase() !== remote) throw invalid(`invalid reference format: repository name (${remote}) must be lowercase`);
  return parseCanonical(`${domain}/${remainder}`);
}

/** Reads a name or an image id. A bare run of 64 hexadecimal digits is an id. @throws image.invalid_reference */
export function parseAnyReference(text: string): AnyReference {
  if (identifier.test(text)) return { kind: 'digest', digest: `sha256:${text}` };
  if (isDigest(text)) return { kind: 'digest', digest: text };
  return { kind: 'name', name: parseReference(text) };
}

/** Whether neither tag nor digest is given. */
export function isNameOnly(reference: ImageReference): boolean {
  return reference.tag === undefined && reference.digest === undefined;
}

/** The same repository without tag and digest. */
export function repositoryOf(reference: ImageReference): ImageReference {
  return { domain: reference.domain, path: reference.path };
}

/** Adds `latest` where neither tag nor digest is given. */
export function withDefaultTag(reference: ImageReference): ImageReference {
  return isNameOnly(reference) ? { ...reference, tag: defaultTag } : reference;
}

/** @throws image.invalid_reference "invalid tag format" */
export function withTag(reference: ImageReference, tag: string): ImageReference {
  if (!wholeTag.test(tag)) throw invalid('invalid tag format');
  return { ...reference, tag };
}

/** The digest must be valid. */
export function withDigest(reference: ImageReference, digest: string): ImageReference {
  return { ...reference, digest };
}

/** `docker.io/library/busybox`. */
export function canonicalName(reference: ImageReference): string {
  return `${reference.domain}/${reference.path}`;
}

/** `docker.io/library/busybox:latest@sha256:…`. */
export function canonicalText(reference: ImageReference): string {
  return canonicalName(reference) + suffixOf(reference);
}

/** As people know it: without `docker.io/` and `library/`. */
export function familiarName(reference: ImageReference): string {
  if (reference.domain !== defaultDomain) return canonicalName(reference);
  if (!reference.path.startsWith(officialPrefix)) return reference.path;
  const official = reference.path.slice(officialPrefix.length);
  return official.includes('/') ? reference.path : official;
}

/** {@link familiarName} with tag and digest. */
export function familiarText(reference: ImageReference): string {
  return familiarName(reference) + suffixOf(reference);
}

function suffixOf(reference: ImageReference): string {
  return (reference.tag === undefined ? '' : `:${reference.tag}`) + (reference.digest === undefined ? '' : `@${reference.digest}`);
}

function splitDomain(text: string): { domain: string; remainder: string } {
  const slash = text.indexOf('/');
  if (slash < 0) return { domain: defaultDomain, remainder: officialPrefix + text };
  const first = text.slice(0, slash);
  const rest = text.slice(slash + 1);
  let domain = defaultDomain;
  let remainder = text;
  if (first === legacyDefaultDomain) remainder = rest;
  else if (first === 'localhost' || /[.:]/.test(first) || first.toLowerCase() !== first) [domain, remainder] = [first, rest];
  if (domain === defaultDomain && !remainder.includes('/')) remainder = officialPrefix + remainder;
  return { domain, remainder };
}

function parseCanonical(text: string): ImageReference {
  const match = wholeReference.exec(text);
  const name = match === null ? null : wholeName.exec(match[1] ?? '');
  if (match === null || name === null) {
    throw invalid(wholeReference.test(text.toLowerCase()) ? 'repository name must be lowercase' : 'invalid reference format');
  }
  const [, domain = '', path = ''] = name;
  if (path.length > longestPath) throw invalid(`repository name must not be more than ${longestPath} characters`);
  const [, , tag, digest] = match;
  if (digest !== undefined) {
    const fault = digestFault(digest);
    if (fault !== undefined) throw invalid(fault);
  }
  return { domain, path, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

function invalid(message: string): EngineError {
  return fail('image.invalid_reference', { message });
}
