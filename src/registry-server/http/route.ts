/** What a request is about: the registry's addresses (OCI distribution-spec 1.1, "Endpoints"). Names, tags, digests and ids are checked here, once. */
import { digestFault } from '#oci/digest.ts';
import { Refusal } from './refusal.ts';

export type Route =
  | { readonly kind: 'base' }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'tags'; readonly repository: string }
  | { readonly kind: 'referrers'; readonly repository: string; readonly digest: string }
  | { readonly kind: 'manifest'; readonly repository: string; readonly reference: string }
  | { readonly kind: 'blob'; readonly repository: string; readonly digest: string }
  | { readonly kind: 'uploads'; readonly repository: string }
  | { readonly kind: 'upload'; readonly repository: string; readonly id: string }
  | { readonly kind: 'search' }
  | { readonly kind: 'ping' }
  | { readonly kind: 'token' }
  | { readonly kind: 'metrics' }
  | { readonly kind: 'health' }
  | { readonly kind: 'unknown' };

const longestName = 255;
const nameComponent = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const repositoryName = new RegExp(`^${nameComponent}(?:/${nameComponent})*$`);
const tagName = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

const fixed: Readonly<Record<string, Route>> = {
  '/v2': { kind: 'base' },
  '/v2/': { kind: 'base' },
  '/v2/_catalog': { kind: 'catalog' },
  '/v1/search': { kind: 'search' },
  '/v1/_ping': { kind: 'ping' },
  '/auth/token': { kind: 'token' },
  '/metrics': { kind: 'metrics' },
  '/healthz': { kind: 'health' },
};

/** @throws NAME_INVALID, DIGEST_INVALID, TAG_INVALID */
export function parseRoute(path: string): Route {
  if (Object.hasOwn(fixed, path)) return fixed[path] ?? { kind: 'unknown' };
  const text = decoded(path);
  const match = /^\/v2\/(.+)\/(?:(tags)\/list|(referrers|manifests|blobs)\/([^/]+)|(blobs\/uploads)\/?([^/]*))$/s.exec(text);
  if (match === null) return { kind: 'unknown' };
  const [, before = '', tags, kind, last = '', uploads, id = ''] = match;
  if (uploads !== undefined) return id === '' ? { kind: 'uploads', repository: checkedName(before) } : { kind: 'upload', repository: checkedName(before), id };
  // The address of uploads may come without the slash at its end.
  if (kind === 'blobs' && last === 'uploads') return { kind: 'uploads', repository: checkedName(before) };
  if (kind === 'blobs' && before.endsWith('/blobs/uploads')) return { kind: 'unknown' };
  if (tags !== undefined) return { kind: 'tags', repository: checkedName(before) };
  if (kind === 'referrers') return { kind, repository: checkedName(before), digest: checkedDigest(last) };
  if (kind === 'blobs') return { kind: 'blob', repository: checkedName(before), digest: checkedDigest(last) };
  return { kind: 'manifest', repository: checkedName(before), reference: checkedReference(last) };
}

/** @throws NAME_INVALID */
export function checkedName(name: string): string {
  if (name.length > longestName) throw new Refusal('NAME_INVALID', { message: `invalid repository name: it has more than ${longestName} characters`, detail: { name: name.slice(0, longestName) } });
  if (!repositoryName.test(name)) throw new Refusal('NAME_INVALID', { detail: { name } });
  return name;
}

/** @throws DIGEST_INVALID */
export function checkedDigest(digest: string): string {
  const fault = digestFault(digest);
  if (fault !== undefined) throw new Refusal('DIGEST_INVALID', { message: fault, detail: { digest } });
  return digest;
}

/** @throws TAG_INVALID */
export function checkedTag(tag: string): string {
  if (!tagName.test(tag)) throw new Refusal('TAG_INVALID', { message: 'invalid tag: it must have at most 128 letters, digits, underscores, dots and dashes, and not begin with a dot or dash', detail: { tag: tag.slice(0, 256) } });
  return tag;
}

function checkedReference(reference: string): string {
  return reference.includes(':') ? checkedDigest(reference) : checkedTag(reference);
}

function decoded(path: string): string {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    throw new Refusal('NAME_INVALID', { message: 'the address is not encoded as URLs are' });
  }
}
