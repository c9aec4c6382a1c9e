/** Manifests and tags: GET, HEAD, PUT, DELETE (OCI distribution-spec 1.1, end-3, end-7, end-9). */
import { createHash } from 'node:crypto';
import { digestAlgorithm } from '#oci/digest.ts';
import type { StoredManifest } from '../storage/content.ts';
import { largestManifest, readManifest } from '../storage/manifest-document.ts';
import type { Exchange } from './exchange.ts';
import { Refusal } from './refusal.ts';
import { checkedTag } from './route.ts';
import type { Services } from './services.ts';

/** Tags that may be set by one request. */
const mostTags = 100;

export interface ManifestTarget {
  readonly repository: string;
  /** A tag or a digest. */
  readonly reference: string;
}

export async function getManifest(exchange: Exchange, services: Services, target: ManifestTarget): Promise<void> {
  const upstream = services.upstreams;
  const found = upstream?.isCopy(target.repository) === true
    ? await upstream.manifest(target, { headOnly: exchange.isHead })
    : { manifest: services.content.manifest(target.repository, target.reference), warning: undefined };
  const { manifest, warning } = found;
  if (manifest === undefined) throw unknownManifest(services, target);
  if (exchange.replyIfUnchanged(manifest.digest)) return;
  exchange.replyBytes(200, manifest.bytes, { ...headersOf(manifest), ...(warning === undefined ? {} : { Warning: `299 - "${warning}"` }) });
}

export async function putManifest(exchange: Exchange, services: Services, { repository, reference }: ManifestTarget): Promise<void> {
  const byDigest = reference.includes(':');
  const tags = byDigest ? exchange.query.getAll('tag').map(checkedTag) : [reference];
  if (tags.length > mostTags) throw new Refusal('TAG_INVALID', { status: 414, message: `more than ${mostTags} tags in one request` });
  const bytes = await readDocument(exchange);
  const digest = byDigest ? reference : `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const algorithm = digestAlgorithm(digest);
  if (byDigest && `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` !== digest) throw new Refusal('DIGEST_INVALID', { detail: { digest } });
  const document = readManifest(bytes, exchange.header('content-type')?.split(';')[0]?.trim());
  checkConditions(exchange, services, { repository, reference });
  services.content.putManifest({ repository, digest, bytes, tags, document, needs: services.options.allowSparseIndexes ? 'blobs' : 'everything' });
  // What is acknowledged must outlive the loss of power, with all that it refers to.
  await services.files.sync();
  await services.content.database.sync();
  const headers: Record<string, string> = { Location: `/v2/${repository}/manifests/${reference}`, 'Docker-Content-Digest': digest };
  if (document.subject !== undefined) headers['OCI-Subject'] = document.subject;
  if (byDigest && tags.length > 0) headers['OCI-Tag'] = tags.join(', ');
  exchange.reply(201, headers);
}

export async function deleteManifest(exchange: Exchange, services: Services, target: ManifestTarget): Promise<void> {
  const { repository, reference } = target;
  const { content } = services;
  const done = reference.includes(':') ? content.deleteManifest(repository, reference) : content.deleteTag(repository, reference);
  if (!done) throw unknownManifest(services, target);
  await content.database.sync();
  exchange.reply(202);
}

async function readDocument(exchange: Exchange): Promise<Buffer> {
  const tooLarge = (): Refusal => new Refusal('MANIFEST_INVALID', { status: 413, message: `the manifest is larger than ${largestManifest} bytes, the most that is taken` });
  if (Number(exchange.header('content-length') ?? 0) > largestManifest) throw tooLarge();
  return await exchange.readBody(largestManifest, tooLarge);
}

/** `If-Match` and `If-None-Match` on what the reference names now (RFC 9110, 13.1): two clients do not overwrite each other. */
function checkConditions(exchange: Exchange, services: Services, { repository, reference }: ManifestTarget): void {
  const [match, noneMatch] = [exchange.header('if-match'), exchange.header('if-none-match')];
  if (match === undefined && noneMatch === undefined) return;
  const current = services.content.manifest(repository, reference)?.digest;
  const names = (list: string): boolean => current !== undefined && list.split(',').some((tag) => tag.trim() === '*' || tag.trim().replaceAll('"', '') === current);
  if ((match !== undefined && !names(match)) || (noneMatch !== undefined && names(noneMatch))) {
    throw new Refusal('MANIFEST_INVALID', { status: 412, message: `${reference} is ${current ?? 'not there'}, which the request forbids` });
  }
}

function headersOf(manifest: StoredManifest): Record<string, string> {
  return { 'Content-Type': manifest.mediaType, 'Docker-Content-Digest': manifest.digest, ETag: `"${manifest.digest}"` };
}

function unknownManifest(services: Services, { repository, reference }: ManifestTarget): Refusal {
  if (services.content.repositoryId(repository) === undefined) return new Refusal('NAME_UNKNOWN', { detail: { name: repository } });
  return new Refusal('MANIFEST_UNKNOWN', { message: `manifest unknown to registry: ${reference}`, detail: { name: repository, reference } });
}
