/** `/volumes`. */
import type { ClusterVolumeSpecification, VolumeChange, VolumeCloneRequest, VolumeCreateRequest, VolumeList, VolumePruneReport, VolumeView } from '#schema/volume-views.ts';
import type { Filters } from './container-api.ts';
import { filtersText, objectSegment } from './query.ts';
import type { Transport } from './transport.ts';

export class VolumeApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  list(filters?: Filters, signal?: AbortSignal): Promise<VolumeList> {
    return this.#transport.json({ method: 'GET', path: '/volumes', query: { filters: filtersText(filters) }, signal });
  }

  async inspect(name: string, signal?: AbortSignal): Promise<VolumeView> {
    return this.#transport.json({ method: 'GET', path: `/volumes/${objectSegment('volume', name)}`, signal });
  }

  /** Without a name the daemon makes one up. */
  create(request: Partial<VolumeCreateRequest>, signal?: AbortSignal): Promise<VolumeView> {
    return this.#transport.json({ method: 'POST', path: '/volumes/create', json: request, signal });
  }

  /** Only of a volume of a cluster, by its id. */
  async update(id: string, version: number, body: { Spec: ClusterVolumeSpecification }, signal?: AbortSignal): Promise<void> {
    await this.#transport.send({ method: 'PUT', path: `/volumes/${objectSegment('volume', id)}`, query: { version }, json: body, signal });
  }

  /** With `force` a volume that is not there is no error. */
  async remove(name: string, options: { force?: boolean; signal?: AbortSignal } = {}): Promise<void> {
    await this.#transport.send({
      method: 'DELETE', path: `/volumes/${objectSegment('volume', name)}`, query: { force: options.force === true || undefined }, signal: options.signal,
    });
  }

  /** An extension of our own. */
  clone(name: string, request: Partial<VolumeCloneRequest>, signal?: AbortSignal): Promise<VolumeView> {
    return this.#transport.json({ method: 'POST', path: `/volumes/${objectSegment('volume', name)}/clone`, json: request, signal });
  }

  /** An extension of our own. */
  async export(name: string, signal?: AbortSignal): Promise<AsyncIterable<Buffer>> {
    return (await this.#transport.request({ method: 'GET', path: `/volumes/${objectSegment('volume', name)}/export`, signal })).body;
  }

  /** An extension of our own. */
  import(name: string, archive: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<VolumeView> {
    return this.#transport.json({ method: 'POST', path: `/volumes/${objectSegment('volume', name)}/import`, body: archive, signal });
  }

  /** An extension of our own. */
  diff(name: string, base: string, signal?: AbortSignal): Promise<VolumeChange[]> {
    return this.#transport.json({ method: 'GET', path: `/volumes/${objectSegment('volume', name)}/diff`, query: { base }, signal });
  }

  prune(filters?: Filters, signal?: AbortSignal): Promise<VolumePruneReport> {
    return this.#transport.json({ method: 'POST', path: '/volumes/prune', query: { filters: filtersText(filters) }, signal });
  }
}
