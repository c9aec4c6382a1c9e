/**
 * The pull-through cache: copies of upstream registries' content under `<upstream>/<name>`. What is here and cannot have
 * changed is served at once; tags are asked for anew when they have grown old; what the upstream does not answer for is
 * served as it was last seen, with a warning. A blob is fetched once, however many ask for it.
 */
import { createHash } from 'node:crypto';
import { digestAlgorithm, isDigest } from '#oci/digest.ts';
import { readAnswer } from '#registry/read-answer.ts';
import { isFailure } from '#base/errors/failure.ts';
import type { BlobSource, BlobTarget } from '../http/blob-requests.ts';
import type { ManifestTarget } from '../http/manifest-requests.ts';
import { Refusal } from '../http/refusal.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { ServerOptions } from '../server-options.ts';
import type { BlobFiles } from '../storage/blob-files.ts';
import type { Content, Page, StoredManifest } from '../storage/content.ts';
import { largestManifest, readManifest } from '../storage/manifest-document.ts';
import type { Uploads } from '../storage/uploads.ts';
import { BlobDownload } from './blob-download.ts';
import { Upstream } from './upstream.ts';

const mostTagPages = 100;

export interface FoundManifest {
  readonly manifest: StoredManifest | undefined;
  /** For the client, when the answer may be out of date. */
  readonly warning: string | undefined;
}

export interface UpstreamsParts {
  readonly options: ServerOptions;
  readonly content: Content;
  readonly files: BlobFiles;
  readonly uploads: Uploads;
  readonly metrics: Metrics;
  readonly warn: (message: string) => void;
}

export class Upstreams implements AsyncDisposable {
  readonly #parts: UpstreamsParts;
  readonly #upstreams: readonly Upstream[];
  readonly #downloads = new Map<string, Promise<BlobDownload | undefined>>();
  /** Questions under way: who asks the same meanwhile gets the same answer. */
  readonly #asked = new Map<string, Promise<StoredManifest | undefined>>();
  readonly #ending = new AbortController();

  constructor(parts: UpstreamsParts) {
    this.#parts = parts;
    this.#upstreams = parts.options.upstreams.map((options) => new Upstream(options));
  }

  /** Whether the repository is a copy of an upstream's. */
  isCopy(repository: string): boolean {
    return this.#find(repository) !== undefined;
  }

  /** The copy a pull of `repository` means, perhaps by `ns`; undefined: the repository itself. */
  copyName(repository: string, namespace: string | undefined): string | undefined {
    if (namespace !== undefined) {
      const named = this.#upstreams.find((upstream) => upstream.isNamed(namespace));
      return named === undefined || this.#find(repository) === named ? undefined : `${named.options.name}/${repository}`;
    }
    const { defaultUpstream } = this.#parts.options;
    if (defaultUpstream === undefined || this.isCopy(repository) || this.#parts.content.hasManifests(repository)) return undefined;
    return `${defaultUpstream}/${repository}`;
  }

  /** @throws what the upstream says when there is no copy */
  async manifest(target: ManifestTarget, options: { headOnly: boolean }): Promise<FoundManifest> {
    const { content, metrics } = this.#parts;
    const upstream = this.#find(target.repository);
    const stored = content.manifest(target.repository, target.reference);
    const byDigest = target.reference.includes(':');
    const checked = byDigest ? Number.POSITIVE_INFINITY : (content.tag(target.repository, target.reference)?.checked ?? 0);
    if (upstream === undefined || (stored !== undefined && checked + upstream.options.tagLifetime > Date.now())) {
      metrics.add('upstream_hits', 1);
      return { manifest: stored, warning: undefined };
    }
    try {
      const manifest = await this.#shared(`${target.repository} ${target.reference}`, async () => await this.#fetchManifest(upstream, target, stored));
      metrics.add(manifest !== undefined && manifest.digest === stored?.digest ? 'upstream_hits' : 'upstream_misses', 1);
      return { manifest, warning: undefined };
    } catch (error) {
      metrics.add('upstream_failures', 1);
      if (!(error instanceof Refusal) || stored === undefined) throw error;
      this.#parts.warn(`${target.repository}:${target.reference} is served as it was last seen${options.headOnly ? ' (HEAD)' : ''}: ${error.message}`);
      return { manifest: stored, warning: 'the upstream registry does not answer: this may be out of date' };
    }
  }

  /** The size of a blob that is not here. */
  async blobSize({ repository, digest }: BlobTarget): Promise<number | undefined> {
    const upstream = this.#find(repository);
    if (upstream === undefined) return undefined;
    if (this.#adopt(repository, digest)) return this.#parts.content.blobSize(repository, digest);
    const answer = await upstream.blob(repository, digest, { method: 'HEAD', signal: this.#ending.signal });
    answer.body.resume();
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw refusedBy(upstream, answer);
    return Number(answer.headers['content-length'] ?? 0);
  }

  /** A blob that is not here yet, as it comes. */
  async openBlob(target: BlobTarget): Promise<BlobSource | undefined> {
    const upstream = this.#find(target.repository);
    if (upstream === undefined) return undefined;
    if (this.#adopt(target.repository, target.digest)) return await this.#openStored(target);
    this.#parts.metrics.add('upstream_misses', 1);
    const key = `${target.repository} ${target.digest}`;
    let starting = this.#downloads.get(key);
    if (starting === undefined) {
      starting = this.#startDownload(upstream, target);
      this.#downloads.set(key, starting);
      const forget = (): void => void this.#downloads.delete(key);
      starting.then((download) => (download === undefined ? forget() : void download.done.then(forget, forget)), forget);
    }
    const download = await starting;
    if (download === undefined) return undefined;
    try {
      return await download.open();
    } catch (error) {
      // It has ended in this very moment: then the blob has its own name.
      await download.done;
      return (await this.#openStored(target)) ?? Promise.reject(error as Error);
    }
  }

  /** The upstream's tags, or those that are here when it does not answer; undefined for what is no copy. */
  async tags(repository: string, page: Page): Promise<string[] | undefined> {
    const upstream = this.#find(repository);
    if (upstream === undefined) return undefined;
    const tags: string[] = [];
    try {
      let path: string | undefined = '/tags/list';
      for (let pages = 0; path !== undefined && pages < mostTagPages; pages++) {
        const found: { value: unknown; link: string | undefined } | undefined = await upstream.document(repository, path, this.#ending.signal);
        if (found === undefined) throw new Refusal('NAME_UNKNOWN', { detail: { name: repository } });
        const list = (found.value as { tags?: unknown } | null)?.tags;
        if (Array.isArray(list)) tags.push(...list.filter((tag) => typeof tag === 'string'));
        const next: string | undefined = /<[^>]*?\/tags\/list(\?[^>]*)>\s*;\s*rel="?next"?/.exec(found.link ?? '')?.[1];
        path = next === undefined ? undefined : `/tags/list${next}`;
      }
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'UNAVAILABLE') throw error;
      this.#parts.metrics.add('upstream_failures', 1);
      return undefined;
    }
    const { last, count } = page;
    const sorted = tags.toSorted((a, b) => (a < b ? -1 : 1)).filter((tag) => last === undefined || tag > last);
    return count === undefined ? sorted : sorted.slice(0, count);
  }

  /** Takes in the manifests the upstream lists as referrers, so that the list here is as there. */
  async refreshReferrers(repository: string, subject: string): Promise<void> {
    const upstream = this.#find(repository);
    if (upstream === undefined) return;
    try {
      const found = (await upstream.document(repository, `/referrers/${subject}`, this.#ending.signal)) ?? (await upstream.document(repository, `/manifests/${subject.replace(':', '-')}`, this.#ending.signal));
      const list = (found?.value as { manifests?: unknown } | null | undefined)?.manifests;
      for (const entry of Array.isArray(list) ? list.slice(0, 100) : []) {
        const digest: unknown = (entry as { digest?: unknown } | null)?.digest;
        if (typeof digest !== 'string' || !isDigest(digest) || this.#parts.content.hasManifest(repository, digest)) continue;
        await this.#fetchManifest(upstream, { repository, reference: digest }, undefined);
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#parts.metrics.add('upstream_failures', 1);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    for (const starting of this.#downloads.values()) await starting.then((download) => download?.done).catch(() => undefined);
    for (const upstream of this.#upstreams) upstream[Symbol.dispose]();
  }

  async #shared(key: string, ask: () => Promise<StoredManifest | undefined>): Promise<StoredManifest | undefined> {
    const asked = this.#asked.get(key) ?? ask().finally(() => this.#asked.delete(key));
    this.#asked.set(key, asked);
    return await asked;
  }

  #find(repository: string): Upstream | undefined {
    return this.#upstreams.find(({ options }) => repository.startsWith(`${options.name}/`));
  }

  /** A blob that is here for another repository belongs to this one too, when its own manifests say so. */
  #adopt(repository: string, digest: string): boolean {
    const { content } = this.#parts;
    if (content.blobSize(repository, digest) !== undefined) return true;
    if (content.storedSize(digest) === undefined || !content.isReferred(repository, digest)) return false;
    content.link(repository, digest);
    return true;
  }

  async #openStored({ repository, digest }: BlobTarget): Promise<BlobSource | undefined> {
    const size = this.#parts.content.blobSize(repository, digest);
    const handle = size === undefined ? undefined : await this.#parts.files.openBlob(digest);
    return size === undefined || handle === undefined ? undefined : { handle, size, [Symbol.asyncDispose]: async () => await handle.close() };
  }

  async #fetchManifest(upstream: Upstream, { repository, reference }: ManifestTarget, stored: StoredManifest | undefined): Promise<StoredManifest | undefined> {
    const { content } = this.#parts;
    const { signal } = this.#ending;
    const byDigest = reference.includes(':');
    if (!byDigest) {
      // Asking for the digest alone counts against no limit of pulls.
      const head = await upstream.manifest(repository, reference, { method: 'HEAD', signal });
      head.body.resume();
      const digest = head.headers['docker-content-digest'];
      if (head.status === 404) {
        content.deleteTag(repository, reference);
        return undefined;
      }
      if (head.status === 200 && typeof digest === 'string') {
        const known = stored?.digest === digest ? stored : isDigest(digest) ? content.manifest(repository, digest) : undefined;
        if (known !== undefined) {
          content.setTag(repository, reference, digest);
          return known;
        }
      }
    }
    const answer = await upstream.manifest(repository, reference, { method: 'GET', signal });
    if (answer.status !== 200) {
      answer.body.resume();
      if (answer.status === 404) return undefined;
      throw refusedBy(upstream, answer);
    }
    const bytes = await readUpstreamManifest(upstream, answer.body);
    const told = byDigest ? reference : answer.headers['docker-content-digest'];
    const algorithm = typeof told === 'string' && isDigest(told) ? digestAlgorithm(told) : 'sha256';
    const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
    if (typeof told === 'string' && told !== digest) throw upstream.unavailable(`its manifest ${told} has another digest`);
    const document = readManifest(bytes, answer.headers['content-type']?.split(';')[0]?.trim());
    content.putManifest({ repository, digest, bytes, document, tags: byDigest ? [] : [reference], needs: 'nothing' });
    return { digest, mediaType: document.mediaType, bytes };
  }

  async #startDownload(upstream: Upstream, target: BlobTarget): Promise<BlobDownload | undefined> {
    const { uploads, files, metrics } = this.#parts;
    const { signal } = this.#ending;
    const first = await upstream.blob(target.repository, target.digest, { method: 'GET', signal });
    const size = Number(first.headers['content-length'] ?? Number.NaN);
    if (first.status !== 200 || !Number.isSafeInteger(size)) {
      first.body.resume();
      if (first.status === 404) return undefined;
      throw first.status === 200 ? upstream.unavailable('it does not say how long the blob is') : refusedBy(upstream, first);
    }
    const claim = await uploads.begin(target.repository, digestAlgorithm(target.digest), { resumable: false, isReadMeanwhile: true });
    const download = new BlobDownload({ target, upstream, upload: claim.upload, uploadPath: files.uploadPath(claim.upload.id), uploads, first, size, metrics, signal });
    const release = (): void => void claim[Symbol.asyncDispose]();
    download.done.then(release, (error: unknown) => {
      release();
      metrics.add('upstream_failures', 1);
      this.#parts.warn(`${target.digest} could not be fetched for ${target.repository}: ${error instanceof Error ? error.message : String(error)}`);
    });
    return download;
  }
}

async function readUpstreamManifest(upstream: Upstream, body: Parameters<typeof readAnswer>[0]): Promise<Buffer> {
  try {
    return await readAnswer(body, 'manifest', largestManifest);
  } catch (error) {
    if (isFailure(error, 'registry.answer_too_large') || isFailure(error, 'registry.unreachable')) throw upstream.unavailable(error.message, error);
    throw error;
  }
}

/** What an upstream refuses is refused here: for want of its credentials as not there, so that clients do not send us theirs. */
function refusedBy(upstream: Upstream, answer: { readonly status: number; readonly statusText: string }): Refusal {
  if (answer.status === 429) return new Refusal('TOOMANYREQUESTS', { message: `the upstream ${upstream.options.name} has had too many requests`, headers: { 'Retry-After': '60' } });
  if (answer.status === 401 || answer.status === 403) return new Refusal('DENIED', { status: 404, message: `the upstream ${upstream.options.name} does not let this registry have it (${answer.statusText})` });
  return upstream.unavailable(`it answers ${answer.statusText}`);
}
