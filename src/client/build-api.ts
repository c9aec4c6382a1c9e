/** `/build`, `/commit`, `/grpc` and `/session`. */
import type { Duplex } from 'node:stream';
import type { GrpcClient } from '#base/grpc/grpc-client.ts';
import type { ProgressStream } from './image-api.ts';
import { readJsonLines } from './json-lines.ts';
import type { Query } from './query.ts';
import type { Transport } from './transport.ts';

export interface CommitOptions {
  readonly repository?: string;
  readonly tag?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly changes?: readonly string[];
  /** Default true. */
  readonly pause?: boolean;
  readonly signal?: AbortSignal;
}

export class BuildApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** `query`: the parameters of the Engine API; `configuration`: the X-Registry-Config header. */
  async build(context: AsyncIterable<Uint8Array>, options: { query?: Query; configuration?: string; signal?: AbortSignal } = {}): Promise<ProgressStream> {
    const response = await this.#transport.request({
      method: 'POST', path: '/build', body: context, query: options.query, signal: options.signal,
      headers: { 'Content-Type': 'application/x-tar', ...(options.configuration === undefined ? {} : { 'X-Registry-Config': options.configuration }) },
    });
    return readJsonLines(response.body);
  }

  /** What a cache mount of builds holds, as a tar archive. An extension of our own. */
  async exportCacheMount(id: string, signal?: AbortSignal): Promise<AsyncIterable<Buffer>> {
    return (await this.#transport.request({ method: 'GET', path: '/build/cache-mount', query: { id }, signal })).body;
  }

  /** Opens the services of the solver. Dispose it. @throws ApiError, ConnectionError */
  async openSolver(): Promise<GrpcClient> {
    // HTTP/2 takes long to load, and most commands have no need of it.
    const { GrpcClient: Client } = await import('#base/grpc/grpc-client.ts');
    return new Client(await this.#duplex('/grpc'));
  }

  /** Opens a session: a connection on which the daemon calls the client. */
  async openSession(facts: { id: string; sharedKey: string; methods: readonly string[] }): Promise<Duplex> {
    const headers = { 'X-Docker-Expose-Session-Uuid': facts.id, 'X-Docker-Expose-Session-Name': '', 'X-Docker-Expose-Session-Sharedkey': facts.sharedKey, 'X-Docker-Expose-Session-Grpc-Method': facts.methods.join(', ') };
    return await this.#duplex('/session', headers);
  }

  async #duplex(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Duplex> {
    const { ConnectionDuplex } = await import('./connection-duplex.ts');
    return new ConnectionDuplex(await this.#transport.upgrade(path, 'h2c', headers));
  }

  /** Makes an image of a container and answers its id. */
  commit(container: string, options: CommitOptions = {}): Promise<{ Id: string }> {
    const { repository, tag, author, comment, changes, pause, signal } = options;
    return this.#transport.json({
      method: 'POST', path: '/commit', signal,
      query: { container, repo: repository, tag, author, comment, changes, pause: pause === false ? '0' : undefined },
    });
  }
}
