/** `/containers`. References are names, ids or their beginnings. */
import type { ContainerInspect, ContainerSummary, CreateRequest, UpdateRequest } from '#schema/container-config.ts';
import type { PortReach } from '#schema/port-reach.ts';
import type { Explanation } from '#schema/explanation.ts';
import type { ContainerStats } from '#schema/container-stats.ts';
import type { HijackedStream } from './hijacked-stream.ts';
import { readJsonLines } from './json-lines.ts';
import { filtersText, objectSegment } from './query.ts';
import type { Transport } from './transport.ts';

export type Filters = Readonly<Record<string, readonly string[]>>;

/** What is left out takes the daemon's default. */
export type CreateBody = { readonly Image: string } & { readonly [K in keyof Omit<CreateRequest, 'HostConfig'>]?: CreateRequest[K] } & { readonly HostConfig?: Partial<CreateRequest['HostConfig']> };

export interface AttachOptions {
  readonly stream?: boolean;
  readonly logs?: boolean;
  readonly stdin?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  readonly detachKeys?: string;
  readonly signal?: AbortSignal;
}

export interface LogOptions {
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  readonly since?: string;
  readonly until?: string;
  readonly timestamps?: boolean;
  readonly follow?: boolean;
  readonly tail?: string;
  readonly details?: boolean;
  readonly signal?: AbortSignal;
}

export interface WaitResult {
  readonly StatusCode: number;
  readonly Error?: { readonly Message: string } | null;
}

export interface PruneResult {
  readonly ContainersDeleted: readonly string[] | null;
  readonly SpaceReclaimed: number;
}

export class ContainerApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  create(body: CreateBody, options: { name?: string; platform?: string; signal?: AbortSignal } = {}): Promise<{ Id: string; Warnings: string[] | null }> {
    return this.#transport.json({
      method: 'POST', path: '/containers/create', json: body, signal: options.signal,
      query: { name: options.name === '' ? undefined : options.name, platform: options.platform === '' ? undefined : options.platform },
    });
  }

  list(options: { all?: boolean; limit?: number; size?: boolean; filters?: Filters; signal?: AbortSignal } = {}): Promise<ContainerSummary[]> {
    const { all, limit, size, filters, signal } = options;
    return this.#transport.json({
      method: 'GET', path: '/containers/json', signal,
      query: { all: all === true || undefined, limit: limit !== undefined && limit > 0 ? limit : undefined, size: size === true || undefined, filters: filtersText(filters) },
    });
  }

  /** Who can reach its published ports; this engine's own. */
  reach(reference: string, signal?: AbortSignal): Promise<PortReach[]> {
    return this.#transport.json({ method: 'GET', path: `/containers/${objectSegment('container', reference)}/reach`, signal });
  }

  /** An endpoint that Docker does not have. */
  explain(reference: string, signal?: AbortSignal): Promise<Explanation> {
    return this.#transport.json({ method: 'GET', path: `/containers/${objectSegment('container', reference)}/explain`, signal });
  }

  async inspect(reference: string, options: { size?: boolean; signal?: AbortSignal } = {}): Promise<ContainerInspect> {
    return this.#transport.json({ method: 'GET', path: `/containers/${objectSegment('container', reference)}/json`, query: { size: options.size === true || undefined }, signal: options.signal });
  }

  async start(reference: string, options: { detachKeys?: string; checkpoint?: string; checkpointDirectory?: string; signal?: AbortSignal } = {}): Promise<void> {
    await this.#post(reference, 'start', { detachKeys: options.detachKeys, checkpoint: options.checkpoint, 'checkpoint-dir': options.checkpointDirectory }, options.signal);
  }

  /** `timeout` in seconds before the kill; -1 never, left out the container's own. */
  async stop(reference: string, options: { timeout?: number; signalName?: string; signal?: AbortSignal } = {}): Promise<void> {
    await this.#post(reference, 'stop', { t: options.timeout, signal: emptyToUndefined(options.signalName) }, options.signal);
  }

  async restart(reference: string, options: { timeout?: number; signalName?: string; signal?: AbortSignal } = {}): Promise<void> {
    await this.#post(reference, 'restart', { t: options.timeout, signal: emptyToUndefined(options.signalName) }, options.signal);
  }

  async kill(reference: string, signalName = '', signal?: AbortSignal): Promise<void> {
    await this.#post(reference, 'kill', { signal: emptyToUndefined(signalName) }, signal);
  }

  /** What is left out stays as it is. */
  async update(reference: string, change: Partial<UpdateRequest>, signal?: AbortSignal): Promise<{ Warnings: string[] | null }> {
    return this.#transport.json({ method: 'POST', path: `/containers/${objectSegment('container', reference)}/update`, json: change, signal });
  }

  async pause(reference: string, signal?: AbortSignal): Promise<void> {
    await this.#post(reference, 'pause', {}, signal);
  }

  async unpause(reference: string, signal?: AbortSignal): Promise<void> {
    await this.#post(reference, 'unpause', {}, signal);
  }

  async rename(reference: string, name: string, signal?: AbortSignal): Promise<void> {
    await this.#post(reference, 'rename', { name }, signal);
  }

  async remove(reference: string, options: { force?: boolean; volumes?: boolean; link?: boolean; signal?: AbortSignal } = {}): Promise<void> {
    await this.#transport.send({
      method: 'DELETE', path: `/containers/${objectSegment('container', reference)}`, signal: options.signal,
      query: { force: options.force === true || undefined, v: options.volumes === true || undefined, link: options.link === true || undefined },
    });
  }

  /**
   * Resolves once the daemon watches, with a promise of the result.
   * Condition: `not-running` (default), `next-exit`, `removed`.
   */
  async wait(reference: string, options: { condition?: string; signal?: AbortSignal } = {}): Promise<{ result: Promise<WaitResult> }> {
    const response = await this.#transport.request({ method: 'POST', path: `/containers/${objectSegment('container', reference)}/wait`, query: { condition: emptyToUndefined(options.condition) }, signal: options.signal });
    const read = async (): Promise<WaitResult> => {
      for await (const result of readJsonLines<WaitResult>(response.body)) return result;
      throw new Error('unexpected end of JSON input');
    };
    const result = read();
    // Whoever does not await the result has no use for its failure.
    result.catch(() => {});
    return { result };
  }

  /** The bytes as the daemon sends them: frames unless the container has a terminal. */
  async logs(reference: string, options: LogOptions = {}): Promise<AsyncIterable<Buffer>> {
    const { signal, stdout, stderr, since, until, timestamps, follow, tail, details } = options;
    const response = await this.#transport.request({
      method: 'GET', path: `/containers/${objectSegment('container', reference)}/logs`, signal,
      query: {
        stdout: stdout === true || undefined, stderr: stderr === true || undefined,
        since: emptyToUndefined(since), until: emptyToUndefined(until),
        timestamps: timestamps === true || undefined, follow: follow === true || undefined, details: details === true || undefined, tail: tail ?? '',
      },
    });
    return response.body;
  }

  async attach(reference: string, options: AttachOptions = {}): Promise<HijackedStream> {
    const { stream, logs, stdin, stdout, stderr, detachKeys, signal } = options;
    return this.#transport.hijack({
      method: 'POST', path: `/containers/${objectSegment('container', reference)}/attach`, signal,
      query: {
        stream: stream === true || undefined, logs: logs === true || undefined, stdin: stdin === true || undefined,
        stdout: stdout === true || undefined, stderr: stderr === true || undefined, detachKeys: emptyToUndefined(detachKeys),
      },
    });
  }

  async resize(reference: string, size: { rows: number; columns: number }, signal?: AbortSignal): Promise<void> {
    await this.#post(reference, 'resize', { h: size.rows, w: size.columns }, signal);
  }

  async top(reference: string, processArguments: readonly string[] = [], signal?: AbortSignal): Promise<{ Titles: string[]; Processes: string[][] | null }> {
    return this.#transport.json({ method: 'GET', path: `/containers/${objectSegment('container', reference)}/top`, query: { ps_args: processArguments.length === 0 ? undefined : processArguments.join(' ') }, signal });
  }

  /** Samples until the iteration is left; without `stream` one, after a second unless `oneShot`. */
  async stats(reference: string, options: { stream?: boolean; oneShot?: boolean; signal?: AbortSignal } = {}): Promise<AsyncIterable<ContainerStats>> {
    const { body } = await this.#transport.request({
      method: 'GET', path: `/containers/${objectSegment('container', reference)}/stats`, signal: options.signal,
      query: { stream: options.stream === true ? '1' : '0', 'one-shot': options.oneShot === true || undefined },
    });
    return readJsonLines<ContainerStats>(body);
  }

  prune(filters?: Filters, signal?: AbortSignal): Promise<PruneResult> {
    return this.#transport.json({ method: 'POST', path: '/containers/prune', query: { filters: filtersText(filters) }, signal });
  }

  async #post(reference: string, action: string, query: Record<string, string | number | undefined>, signal: AbortSignal | undefined): Promise<void> {
    await this.#transport.send({ method: 'POST', path: `/containers/${objectSegment('container', reference)}/${action}`, query, signal });
  }
}

function emptyToUndefined(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
