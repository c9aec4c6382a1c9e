/** A repository of a registry (OCI distribution-spec 1.1): manifests, blobs and the list of tags. Blobs are added by `blob-upload.ts`. */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { fail } from '#base/errors/failure.ts';
import { digestAlgorithm, isDigest } from '#oci/digest.ts';
import { largestDocument } from '#oci/manifest.ts';
import { acceptedManifestTypes } from '#oci/media-types.ts';
import type { Credentials } from './credentials.ts';
import type { RegistryEndpoint } from './endpoints.ts';
import type { Answer } from './http-exchange.ts';
import { readAnswer } from './read-answer.ts';
import { RegistryConnection } from './registry-connection.ts';
import { refusalOf } from './registry-error.ts';

export interface RepositoryOptions {
  readonly endpoint: RegistryEndpoint;
  /** Within the registry: `library/busybox`. */
  readonly path: string;
  readonly credentials: Credentials;
  readonly userAgent: string;
  /** What shall be done; pulling, unless given. */
  readonly actions?: readonly ('push' | 'pull')[];
}

export interface FetchedManifest {
  readonly text: string;
  /** As received, which only its bytes are. */
  readonly bytes: Buffer;
  readonly digest: string;
  /** What the registry called it; undefined when it did not say. */
  readonly contentType: string | undefined;
}

export interface FetchedBlob {
  readonly body: Readable;
  /** The byte the body begins at: 0 when the registry does not resume. */
  readonly offset: number;
}

export class Repository implements Disposable {
  readonly connection: RegistryConnection;
  /** Within the registry. */
  readonly path: string;

  private constructor(connection: RegistryConnection, path: string) {
    this.connection = connection;
    this.path = path;
  }

  /** Asks the registry how it wants to be spoken to. @throws registry.unreachable */
  static async open(options: RepositoryOptions, signal: AbortSignal): Promise<Repository> {
    const { path, actions = ['pull'], ...others } = options;
    return new Repository(await RegistryConnection.open({ ...others, scopes: [`repository:${path}:${actions.join(',')}`] }, signal), path);
  }

  /** By tag or digest; a digest is verified. @throws registry.refused, registry.verification_failed */
  async manifest(reference: string, signal: AbortSignal, options: { verb?: 'Get' | 'Head' } = {}): Promise<FetchedManifest> {
    const byDigest = reference.includes(':');
    const answer = await this.connection.send(`/v2/${this.path}/manifests/${reference}`, { headers: { Accept: acceptedManifestTypes.join(', ') }, verb: options.verb ?? (byDigest ? 'Get' : 'Head'), signal });
    if (answer.status !== 200) throw await refusalOf(answer);
    const bytes = await readAnswer(answer.body, 'manifest', largestDocument);
    const told = byDigest ? reference : answer.headers['docker-content-digest'];
    const expected = typeof told === 'string' && isDigest(told) ? told : undefined;
    const algorithm = expected === undefined ? 'sha256' : digestAlgorithm(expected);
    const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
    if (expected !== undefined && digest !== expected) throw fail('registry.verification_failed', { what: 'manifest', digest: expected });
    const contentType = answer.headers['content-type']?.split(';')[0]?.trim();
    return { text: bytes.toString('utf8'), bytes, digest, contentType: contentType === 'application/json' || contentType === 'text/plain' ? undefined : contentType };
  }

  /** A blob as a stream, from `offset` where the registry can. The caller verifies it. @throws registry.blob_unknown, registry.refused */
  async blob(digest: string, options: { offset?: number; signal: AbortSignal }): Promise<FetchedBlob> {
    const offset = options.offset ?? 0;
    const answer = await this.connection.send(`/v2/${this.path}/blobs/${digest}`, { headers: offset === 0 ? {} : { Range: `bytes=${offset}-` }, verb: 'Get', signal: options.signal });
    if (answer.status === 206 && offset > 0 && contentStart(answer) === offset) return { body: answer.body, offset };
    if (answer.status === 200) return { body: answer.body, offset: 0 };
    if (answer.status === 404) {
      answer.body.resume();
      throw fail('registry.blob_unknown', { digest });
    }
    throw await refusalOf(answer);
  }

  /** Every tag. @throws registry.refused */
  async tags(signal: AbortSignal): Promise<string[]> {
    const tags: string[] = [];
    let page: URL | undefined = this.connection.url(`/v2/${this.path}/tags/list`);
    while (page !== undefined) {
      const answer: Answer = await this.connection.send(page, { headers: {}, verb: 'Get', signal });
      if (answer.status !== 200) throw await refusalOf(answer);
      const document: unknown = JSON.parse((await readAnswer(answer.body, 'tag list', largestDocument)).toString('utf8'));
      const listed = (document as { tags?: unknown } | null)?.tags;
      if (Array.isArray(listed)) for (const tag of listed) if (typeof tag === 'string') tags.push(tag);
      const next: string | undefined = /<([^>]+)>\s*;\s*rel="?next"?/.exec(String(answer.headers['link'] ?? ''))?.[1];
      page = next === undefined ? undefined : nextPage(next, page);
    }
    return tags;
  }

  /** What a tag stands for, without fetching it; undefined when there is no such tag. @throws registry.refused */
  async describe(reference: string, signal: AbortSignal): Promise<{ digest: string | undefined; mediaType: string; size: number } | undefined> {
    const answer = await this.connection.send(`/v2/${this.path}/manifests/${reference}`, { method: 'HEAD', headers: { Accept: acceptedManifestTypes.join(', ') }, signal });
    answer.body.resume();
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw await refusalOf(answer);
    const told = answer.headers['docker-content-digest'];
    return {
      digest: typeof told === 'string' && isDigest(told) ? told : undefined,
      mediaType: (answer.headers['content-type'] ?? '').split(';')[0]?.trim() ?? '',
      size: Number(answer.headers['content-length'] ?? 0),
    };
  }

  /** Size of a blob that is there; undefined when it is not. @throws registry.refused */
  async blobSize(digest: string, signal: AbortSignal): Promise<number | undefined> {
    const answer = await this.connection.send(`/v2/${this.path}/blobs/${digest}`, { method: 'HEAD', signal });
    answer.body.resume();
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw await refusalOf(answer);
    return Number(answer.headers['content-length'] ?? 0);
  }

  /** By tag or digest; answers the digest the registry gives it. @throws registry.refused */
  async putManifest(reference: string, manifest: { bytes: Uint8Array; mediaType: string }, signal: AbortSignal): Promise<void> {
    const { bytes, mediaType } = manifest;
    const answer = await this.connection.send(`/v2/${this.path}/manifests/${reference}`, { method: 'PUT', body: bytes, headers: { 'Content-Type': mediaType }, signal });
    if (answer.status < 200 || answer.status > 299) throw await refusalOf(answer);
    answer.body.resume();
  }

  [Symbol.dispose](): void {
    this.connection[Symbol.dispose]();
  }
}

function contentStart(answer: Answer): number {
  return Number(/^bytes (\d+)-/.exec(answer.headers['content-range'] ?? '')?.[1] ?? Number.NaN);
}

/** The next page must be of the same registry. */
function nextPage(link: string, base: URL): URL | undefined {
  if (!URL.canParse(link, base.href)) return undefined;
  const url = new URL(link, base);
  return url.origin === base.origin && url.href !== base.href ? url : undefined;
}
