/** `/networks`. */
import type { NetworkInspect } from '#schema/network-views.ts';
import type { Filters } from './container-api.ts';
import { filtersText, objectSegment } from './query.ts';
import type { Transport } from './transport.ts';

export class NetworkApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  list(filters?: Filters, signal?: AbortSignal): Promise<NetworkInspect[]> {
    return this.#transport.json({ method: 'GET', path: '/networks', query: { filters: filtersText(filters) }, signal });
  }

  async inspect(reference: string, options: { scope?: string; verbose?: boolean; signal?: AbortSignal } = {}): Promise<NetworkInspect> {
    return this.#transport.json({
      method: 'GET', path: `/networks/${objectSegment('network', reference)}`, signal: options.signal,
      query: { scope: options.scope, verbose: options.verbose === true ? 'true' : undefined },
    });
  }
}
