/** A repository of a registry, read only (OCI distribution-spec 1.1): manifests, blobs and the list of tags. */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { EngineError, fail } from '#base/errors/failure.ts';
import { digestAlgorithm, isDigest } from '#oci/digest.ts';
import { largestDocument } from '#oci/manifest.ts';
import { acceptedManifestTypes } from '#oci/media-types.ts';
import { authorize } from './authorizer.ts';
import { parseChallenges, type Challenge } from './challenge.ts';
import type { Credentials } from './credentials.ts';
import type { RegistryEndpoint } from './endpoints.ts';
import { HttpExchange, type Answer } from './http-exchange.ts';
import { readAnswer } from './read-answer.ts';
import { refusalOf } from './registry-error.ts';

export interface RepositoryOptions {
  readonly endpoint: RegistryEndpoint;
  /** Within the registry: `library/busybox`. */
  readonly path: string;
  readonly credentials: Credentials;
  readonly userAgent: string;
}

export interface FetchedManifest {
  readonly text: string;
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
  readonly #options: RepositoryOptions;
  readonly #exchange: HttpExchange;
  #challenges: readonly Challenge[] = [];
  #authorization: Promise<string | undefined> | undefined;

  private constructor(options: RepositoryOptions) {
    this.#options = options;
    this.#exchange = new HttpExchange(options.endpoint.trust, options.userAgent);
  }

  /** Asks the registry how it wants to be spoken to. @throws registry.unreachable */
  static async open(options: RepositoryOptions, signal: AbortSignal): Promise<Repository> {
    const repository = new Repository(options);
    try {
      const answer = await repository.#exchange.send(repository.#url('/v2/'), { signal });
      answer.body.resume();
      repository.#challenges = parseChallenges(answer.headers['www-authenticate']);
      return repository;
    } catch (error) {
      repository[Symbol.dispose]();
      throw error;
    }
  }

  /** By tag or digest; a digest is verified. @throws registry.refused, registry.verification_failed */
  async manifest(reference: string, signal: AbortSignal): Promise<FetchedManifest> {
    const byDigest = reference.includes(':');
    const answer = await this.#get(`/v2/${this.#options.path}/manifests/${reference}`, { headers: { Accept: acceptedManifestTypes.join(', ') }, verb: byDigest ? 'Get' : 'Head', signal });
    if (answer.status !== 200) throw await refusalOf(answer);
    const bytes = await readAnswer(answer.body, 'manifest', largestDocument);
    const told = byDigest ? reference : answer.headers['docker-content-digest'];
    const expected = typeof told === 'string' && isDigest(told) ? told : undefined;
    const algorithm = expected === undefined ? 'sha256' : digestAlgorithm(expected);
    const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
    if (expected !== undefined && digest !== expected) throw fail('registry.verification_failed', { what: 'manifest', digest: expected });
    const contentType = answer.headers['content-type']?.split(';')[0]?.trim();
    return { text: bytes.toString('utf8'), digest, contentType: contentType === 'application/json' || contentType === 'text/plain' ? undefined : contentType };
  }

  /** A blob as a stream, from `offset` where the registry can. The caller verifies it. @throws registry.blob_unknown, registry.refused */
  async blob(digest: string, options: { offset?: number; signal: AbortSignal }): Promise<FetchedBlob> {
    const offset = options.offset ?? 0;
    const answer = await this.#get(`/v2/${this.#options.path}/blobs/${digest}`, { headers: offset === 0 ? {} : { Range: `bytes=${offset}-` }, verb: 'Get', signal: options.signal });
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
    let path: string | undefined = `/v2/${this.#options.path}/tags/list`;
    while (path !== undefined) {
      const answer: Answer = await this.#get(path, { headers: {}, verb: 'Get', signal });
      if (answer.status !== 200) throw await refusalOf(answer);
      const document: unknown = JSON.parse((await readAnswer(answer.body, 'tag list', largestDocument)).toString('utf8'));
      const page = (document as { tags?: unknown } | null)?.tags;
      if (Array.isArray(page)) for (const tag of page) if (typeof tag === 'string') tags.push(tag);
      const next: string | undefined = /<([^>]+)>\s*;\s*rel="?next"?/.exec(String(answer.headers['link'] ?? ''))?.[1];
      path = next === undefined ? undefined : localPath(next, this.#url(path));
    }
    return tags;
  }

  [Symbol.dispose](): void {
    this.#exchange[Symbol.dispose]();
  }

  async #get(path: string, options: { headers: Record<string, string>; verb: 'Get' | 'Head'; signal: AbortSignal }): Promise<Answer> {
    const url = this.#url(path);
    for (let attempt = 0; ; attempt++) {
      const authorization = await this.#authorize(url, options.verb, options.signal);
      const answer = await this.#exchange.send(url, { ...options, headers: { ...options.headers, ...(authorization === undefined ? {} : { Authorization: authorization }) } });
      if (answer.status !== 401 || attempt > 0) return answer;
      // The token has expired, or the registry asks only here.
      const challenges = parseChallenges(answer.headers['www-authenticate']);
      if (challenges.length === 0) return answer;
      answer.body.resume();
      this.#challenges = challenges;
      this.#authorization = undefined;
    }
  }

  async #authorize(url: URL, verb: string, signal: AbortSignal): Promise<string | undefined> {
    const scope = `repository:${this.#options.path}:pull`;
    this.#authorization ??= authorize(this.#exchange, { challenges: this.#challenges, credentials: this.#options.credentials, scope, signal });
    try {
      return await this.#authorization;
    } catch (error) {
      this.#authorization = undefined;
      if (!(error instanceof EngineError) || error.code === 'registry.unreachable') throw error;
      // As Go tells what went wrong on the way to a request.
      throw fail(error.code, { ...error.details, message: `${verb} ${JSON.stringify(url.href)}: ${error.message}`, detailed: false }, error);
    }
  }

  #url(path: string): URL {
    // A mirror may lie below a path.
    return new URL(this.#options.endpoint.base.href.replace(/\/+$/, '') + path);
  }
}

function contentStart(answer: Answer): number {
  return Number(/^bytes (\d+)-/.exec(answer.headers['content-range'] ?? '')?.[1] ?? Number.NaN);
}

/** The next page must be of the same registry. */
function localPath(link: string, base: URL): string | undefined {
  const url = new URL(link, base);
  return url.host === base.host ? `${url.pathname}${url.search}` : undefined;
}
