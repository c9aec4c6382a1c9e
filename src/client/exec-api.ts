/** `/exec`: more processes in running containers. */
import type { ExecInspect, ExecRequest } from '#schema/container-config.ts';
import type { HijackedStream } from './hijacked-stream.ts';
import { objectSegment } from './query.ts';
import type { Transport } from './transport.ts';

export interface ExecStart {
  readonly Tty: boolean;
  readonly ConsoleSize?: readonly [height: number, width: number];
}

export class ExecApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async create(container: string, body: Partial<ExecRequest> & { Detach?: boolean }, signal?: AbortSignal): Promise<{ Id: string }> {
    return this.#transport.json({ method: 'POST', path: `/containers/${objectSegment('container', container)}/exec`, json: body, signal });
  }

  /** Starts it and does not stay. */
  async startDetached(id: string, start: ExecStart, signal?: AbortSignal): Promise<void> {
    await this.#transport.send({ method: 'POST', path: `/exec/${id}/start`, json: { Detach: true, ...start }, signal });
  }

  /** Starts it with its streams. */
  async startAttached(id: string, start: ExecStart, signal?: AbortSignal): Promise<HijackedStream> {
    return this.#transport.hijack({ method: 'POST', path: `/exec/${id}/start`, json: { Detach: false, ...start }, signal });
  }

  async inspect(id: string, signal?: AbortSignal): Promise<ExecInspect> {
    return this.#transport.json({ method: 'GET', path: `/exec/${id}/json`, signal });
  }

  async resize(id: string, size: { rows: number; columns: number }, signal?: AbortSignal): Promise<void> {
    await this.#transport.send({ method: 'POST', path: `/exec/${id}/resize`, query: { h: size.rows, w: size.columns }, signal });
  }
}
