/** `/auth`, `/images/search` and `/distribution`. */
import type { DistributionView, LoginAnswer, SearchResult } from '#schema/registry-views.ts';
import type { Filters } from './container-api.ts';
import { filtersText, pathText } from './query.ts';
import type { Transport } from './transport.ts';

export class RegistryApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Checks credentials. @throws ApiError with status 401 when they are wrong */
  logIn(credentials: object, signal?: AbortSignal): Promise<LoginAnswer> {
    return this.#transport.json({ method: 'POST', path: '/auth', json: credentials, signal });
  }

  /** `authorization`: the X-Registry-Auth header. */
  search(term: string, options: { limit?: number; filters?: Filters; authorization?: string; signal?: AbortSignal } = {}): Promise<SearchResult[]> {
    const { limit = 0, filters, authorization = '', signal } = options;
    return this.#transport.json({
      method: 'GET', path: '/images/search', signal, query: { term, limit: limit > 0 ? limit : undefined, filters: filtersText(filters) },
      ...(authorization === '' ? {} : { headers: { 'X-Registry-Auth': authorization } }),
    });
  }

  /** What a name stands for at its registry. */
  describe(reference: string, options: { authorization?: string; signal?: AbortSignal } = {}): Promise<DistributionView> {
    const { authorization = '', signal } = options;
    return this.#transport.json({
      method: 'GET', path: `/distribution/${pathText(reference)}/json`, signal,
      ...(authorization === '' ? {} : { headers: { 'X-Registry-Auth': authorization } }),
    });
  }
}
