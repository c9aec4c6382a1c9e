/** `/build`, `/commit`, `/grpc` and `/session`. */
import type { Duplex } from 'node:stream';
import type { GrpcCaller, GrpcMethods } from '#base/grpc/grpc-call.ts';
import { ApiError } from './client-error.ts';
import type { RequestHeaders } from './http-connection.ts';
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

/** The services of the solver, and this client's session with it. */
export interface SolverConnection extends AsyncDisposable {
  readonly solver: GrpcCaller;
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
  async openSolver(): Promise<GrpcCaller> {
    // HTTP/2 takes long to load, and most commands have no need of it.
    const { GrpcClient: Client } = await import('#base/grpc/grpc-client.ts');
    return new Client(await this.#duplex('/grpc', 'h2c'));
  }

  /**
   * Opens the services of the solver and a session, on which the daemon calls the `methods` of this client. Dispose it.
   * @throws ApiError, ConnectionError
   */
  async openBuild(facts: { id: string; sharedKey: string; methods: GrpcMethods }): Promise<SolverConnection> {
    const { methods } = facts;
    const headers = { 'X-Docker-Expose-Session-Uuid': facts.id, 'X-Docker-Expose-Session-Name': '', 'X-Docker-Expose-Session-Sharedkey': facts.sharedKey, 'X-Docker-Expose-Session-Grpc-Method': [...methods.keys()] };
    try {
      const { CallLink, linkProtocol } = await import('#base/grpc/call-link.ts');
      const link = new CallLink(await this.#duplex('/session', linkProtocol, headers), { side: 'client', methods, onFault: () => undefined });
      return { solver: link, [Symbol.asyncDispose]: async () => { link[Symbol.dispose](); await link.settled(); } };
    } catch (error) {
      // A Docker, which knows HTTP/2 alone.
      if (!(error instanceof ApiError)) throw error;
    }
    const { serveGrpc } = await import('#base/grpc/grpc-server.ts');
    const opening = this.openSolver();
    opening.catch(() => undefined);
    const stop = new AbortController();
    const serving = serveGrpc(await this.#duplex('/session', 'h2c', headers), { methods, signal: stop.signal, onFault: () => undefined });
    const leave = async (): Promise<void> => {
      stop.abort();
      await serving;
    };
    try {
      const solver = await opening;
      return { solver, [Symbol.asyncDispose]: async () => { solver[Symbol.dispose](); await leave(); } };
    } catch (error) {
      await leave();
      throw error;
    }
  }

  async #duplex(path: string, protocol: string, headers: RequestHeaders = {}): Promise<Duplex> {
    const { ConnectionDuplex } = await import('./connection-duplex.ts');
    return new ConnectionDuplex(await this.#transport.upgrade(path, protocol, headers));
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
