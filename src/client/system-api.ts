/** The daemon itself: `/_ping`, `/version`, `/info`, `/system/df`, `/events`. */
import { parseEvent, type EventMessage } from '#schema/event-message.ts';
import type { StorageReport } from '#schema/storage-report.ts';
import type { Filters } from './container-api.ts';
import { readJsonLines } from './json-lines.ts';
import { filtersText } from './query.ts';
import type { Transport } from './transport.ts';

/** What a ping's headers say. */
export interface PingResult {
  readonly apiVersion: string;
  readonly system: string;
  readonly experimental: boolean;
  readonly builderVersion: string;
  /** `inactive`, `active/manager`…; empty from daemons that do not say. */
  readonly swarm: string;
}

export class SystemApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async ping(signal?: AbortSignal): Promise<PingResult> {
    const { headers } = await this.#transport.unversioned({ method: 'HEAD', path: '/_ping', signal });
    return {
      apiVersion: headers.get('api-version') ?? '',
      system: headers.get('ostype') ?? '',
      experimental: headers.get('docker-experimental') === 'true',
      builderVersion: headers.get('builder-version') ?? '',
      swarm: headers.get('swarm') ?? '',
    };
  }

  /** The document as the daemon gives it. */
  version(signal?: AbortSignal): Promise<Record<string, unknown>> {
    return this.#transport.json({ method: 'GET', path: '/version', signal });
  }

  /** The document as the daemon gives it. */
  info(signal?: AbortSignal): Promise<Record<string, unknown>> {
    return this.#transport.json({ method: 'GET', path: '/info', signal });
  }

  /** `types`: `container`, `image`, `volume`, `build-cache`; none means all. */
  diskUsage(types: readonly string[] = [], signal?: AbortSignal): Promise<Record<string, unknown>> {
    return this.#transport.json({ method: 'GET', path: '/system/df', query: { type: types.length === 0 ? undefined : types }, signal });
  }

  /** Ours, not Docker's. `deep`: contents are compared with their digests. */
  checkStorage(options: { deep: boolean }, signal?: AbortSignal): Promise<StorageReport> {
    return this.#transport.json({ method: 'GET', path: '/system/fsck', query: { deep: options.deep ? '1' : undefined }, signal });
  }

  /** `since` and `until` as the API takes them: Unix seconds with a fraction. */
  async events(options: { since?: string; until?: string; filters?: Filters; signal?: AbortSignal } = {}): Promise<AsyncIterable<EventMessage>> {
    const { since, until, filters, signal } = options;
    const response = await this.#transport.request({ method: 'GET', path: '/events', query: { since: since === '' ? undefined : since, until: until === '' ? undefined : until, filters: filtersText(filters) }, signal });
    return readJsonLines(response.body, parseEvent);
  }
}
