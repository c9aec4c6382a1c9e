/** `/images`. */
import type { HistoryEntry, ImageDeleteEntry, ImageInspect, ImageSummary, ProgressMessage } from '#schema/image-views.ts';
import type { Filters } from './container-api.ts';
import { readJsonLines } from './json-lines.ts';
import { filtersText, pathText } from './query.ts';
import type { Transport } from './transport.ts';

export interface ImagePruneResult {
  readonly ImagesDeleted: readonly ImageDeleteEntry[] | null;
  readonly SpaceReclaimed: number;
}

/** The stages of work on an image, as they come. A message with `error` says the work failed. */
export type ProgressStream = AsyncIterable<ProgressMessage>;

export class ImageApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  list(options: { all?: boolean; filters?: Filters; sharedSize?: boolean; digests?: boolean; signal?: AbortSignal } = {}): Promise<ImageSummary[]> {
    const { all, filters, sharedSize, digests, signal } = options;
    return this.#transport.json({
      method: 'GET', path: '/images/json', signal,
      query: { all: all === true || undefined, filters: filtersText(filters), 'shared-size': sharedSize === true || undefined, digests: digests === true || undefined },
    });
  }

  inspect(reference: string, options: { platform?: string; signal?: AbortSignal } = {}): Promise<ImageInspect> {
    return this.#transport.json({ method: 'GET', path: `/images/${pathText(reference)}/json`, query: { platform: options.platform }, signal: options.signal });
  }

  history(reference: string, options: { platform?: string; signal?: AbortSignal } = {}): Promise<HistoryEntry[]> {
    return this.#transport.json({ method: 'GET', path: `/images/${pathText(reference)}/history`, query: { platform: options.platform }, signal: options.signal });
  }

  async tag(reference: string, repository: string, tag: string, signal?: AbortSignal): Promise<void> {
    await this.#transport.send({ method: 'POST', path: `/images/${pathText(reference)}/tag`, query: { repo: repository, tag: tag === '' ? undefined : tag }, signal });
  }

  remove(reference: string, options: { force?: boolean; prune?: boolean; platforms?: readonly string[]; signal?: AbortSignal } = {}): Promise<ImageDeleteEntry[]> {
    return this.#transport.json({
      method: 'DELETE', path: `/images/${pathText(reference)}`, signal: options.signal,
      query: { force: options.force === true || undefined, noprune: options.prune === false || undefined, platforms: options.platforms },
    });
  }

  prune(filters?: Filters, signal?: AbortSignal): Promise<ImagePruneResult> {
    return this.#transport.json({ method: 'POST', path: '/images/prune', query: { filters: filtersText(filters) }, signal });
  }

  /** `authorization`: the X-Registry-Auth header, base64url of a JSON document; empty for none. */
  async pull(reference: { image: string; tag: string }, options: { platform?: string; authorization?: string; signal?: AbortSignal } = {}): Promise<ProgressStream> {
    const { platform, authorization, signal } = options;
    const response = await this.#transport.request({
      method: 'POST', path: '/images/create', signal,
      query: { fromImage: reference.image, tag: reference.tag === '' ? undefined : reference.tag, platform: platform === '' ? undefined : platform },
      ...(authorization === undefined || authorization === '' ? {} : { headers: { 'X-Registry-Auth': authorization } }),
    });
    return readJsonLines(response.body);
  }

  /** `tag` empty: every tag. `authorization` as with `pull`. */
  async push(reference: { image: string; tag: string }, options: { platform?: string | undefined; authorization?: string; signal?: AbortSignal } = {}): Promise<ProgressStream> {
    const { platform, authorization = '', signal } = options;
    const response = await this.#transport.request({
      method: 'POST', path: `/images/${pathText(reference.image)}/push`, signal,
      query: { tag: reference.tag === '' ? undefined : reference.tag, platform },
      ...(authorization === '' ? {} : { headers: { 'X-Registry-Auth': authorization } }),
    });
    return readJsonLines(response.body);
  }

  /** `source`: a URL, or `-` with the archive in `archive`. */
  async import(source: string, options: { archive?: AsyncIterable<Uint8Array>; repository?: string; tag?: string; message?: string; changes?: readonly string[]; platform?: string; signal?: AbortSignal } = {}): Promise<ProgressStream> {
    const { archive, repository, tag, message, changes, platform, signal } = options;
    const empty = (text: string | undefined): string | undefined => (text === '' ? undefined : text);
    const response = await this.#transport.request({
      method: 'POST', path: '/images/create', body: archive, signal,
      query: { fromSrc: source, repo: empty(repository), tag: empty(tag), message: empty(message), changes, platform: empty(platform) },
    });
    return readJsonLines(response.body);
  }

  /** `json` false: the answer is plain text. */
  async load(archive: AsyncIterable<Uint8Array>, options: { quiet?: boolean; platforms?: readonly string[]; signal?: AbortSignal } = {}): Promise<{ json: boolean; body: AsyncIterable<Buffer> }> {
    const response = await this.#transport.request({
      method: 'POST', path: '/images/load', body: archive, signal: options.signal, headers: { 'Content-Type': 'application/x-tar' },
      query: { quiet: options.quiet === true ? '1' : '0', platform: options.platforms },
    });
    return { json: response.headers.get('content-type') === 'application/json', body: response.body };
  }

  /** A tar archive of the images. */
  async save(references: readonly string[], options: { platforms?: readonly string[]; signal?: AbortSignal } = {}): Promise<AsyncIterable<Buffer>> {
    const response = await this.#transport.request({ method: 'GET', path: '/images/get', query: { names: references, platform: options.platforms }, signal: options.signal });
    return response.body;
  }

  /** Builds a base image from the system's packages (Dhow only). */
  async bootstrap(name: string, signal?: AbortSignal): Promise<ProgressStream> {
    const response = await this.#transport.request({ method: 'POST', path: '/images/bootstrap', query: { name }, signal });
    return readJsonLines(response.body);
  }
}
