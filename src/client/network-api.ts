/** `/networks`. */
import type { NetworkConnectRequest, NetworkCreateRequest, NetworkDisconnectRequest, NetworkInspect } from '#schema/network-views.ts';
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

  create(request: Partial<NetworkCreateRequest> & Pick<NetworkCreateRequest, 'Name'>, signal?: AbortSignal): Promise<{ Id: string; Warning: string }> {
    return this.#transport.json({ method: 'POST', path: '/networks/create', json: request, signal });
  }

  async remove(reference: string, signal?: AbortSignal): Promise<void> {
    await this.#transport.send({ method: 'DELETE', path: `/networks/${objectSegment('network', reference)}`, signal });
  }

  async connect(reference: string, request: NetworkConnectRequest, signal?: AbortSignal): Promise<void> {
    await this.#transport.send({ method: 'POST', path: `/networks/${objectSegment('network', reference)}/connect`, json: request, signal });
  }

  async disconnect(reference: string, request: NetworkDisconnectRequest, signal?: AbortSignal): Promise<void> {
    await this.#transport.send({ method: 'POST', path: `/networks/${objectSegment('network', reference)}/disconnect`, json: request, signal });
  }

  prune(filters?: Filters, signal?: AbortSignal): Promise<{ NetworksDeleted: string[] | null }> {
    return this.#transport.json({ method: 'POST', path: '/networks/prune', query: { filters: filtersText(filters) }, signal });
  }
}
