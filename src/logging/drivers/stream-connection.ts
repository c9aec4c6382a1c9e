/** A connection over TCP, TLS or a unix stream socket to a log server. Fails in the words of Go's net package. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { describeNetworkError } from '#registry/go-network-error.ts';
import { refuse } from './refuse.ts';

export type StreamAddress = { readonly host: string; readonly port: number; readonly tls?: ConnectionOptions | undefined } | { readonly path: string };

/** Milliseconds until a connection that does not come about is given up. */
const connectPatience = 30_000;

export class StreamConnection {
  readonly #socket: Socket;
  #failure: Error | undefined;
  #received = Buffer.alloc(0);
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', (error) => this.#end(error));
    // What the server says counts only where the protocol has answers; its end is the end of the connection.
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]).subarray(-65_536);
      this.#wake?.();
    });
    socket.on('close', () => this.#end(new Error('the log server closed the connection')));
    socket.on('end', () => this.#end(new Error('the log server closed the connection')));
  }

  /** @param patience milliseconds for the connection to come about. @throws logging.driver_refused, e.g. `dial tcp 127.0.0.1:1: connect: connection refused` */
  static async open(address: StreamAddress, signal: AbortSignal, patience = connectPatience): Promise<StreamConnection> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(patience)]);
    const secure = 'tls' in address && address.tls !== undefined;
    const socket = secure && 'host' in address ? connectTls({ ...address.tls, host: address.host, port: address.port }) : 'path' in address ? connect(address.path) : connect(address.port, address.host);
    try {
      await once(socket, secure ? 'secureConnect' : 'connect', { signal: limit });
    } catch (error) {
      socket.on('error', () => undefined);
      socket.destroy();
      signal.throwIfAborted();
      if (limit.aborted) throw refuse(`dial ${'path' in address ? `unix ${address.path}` : `tcp ${address.host}:${address.port}`}: i/o timeout`);
      throw refuse('path' in address ? `dial unix ${address.path}: connect: ${reasonOf(error)}` : describeNetworkError(error, address.host));
    }
    return new StreamConnection(socket);
  }

  /** Resolves when the system has taken the bytes. Rejects when the connection is lost. */
  async write(bytes: Buffer, signal: AbortSignal): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        this.#socket.destroy();
        reject(signal.reason);
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#socket.write(bytes, (error) => {
        signal.removeEventListener('abort', abort);
        if (error) reject(error);
        else resolve();
      });
    });
  }

  /** What the server has sent, until `take` answers how many bytes it wants of it; 0: wait for more. */
  async receive(take: (bytes: Buffer) => number, signal: AbortSignal): Promise<void> {
    for (;;) {
      const taken = take(this.#received);
      if (taken > 0) {
        this.#received = this.#received.subarray(taken);
        return;
      }
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve, reject) => {
        const abort = (): void => reject(signal.reason);
        signal.addEventListener('abort', abort, { once: true });
        this.#wake = () => {
          signal.removeEventListener('abort', abort);
          resolve();
        };
        if (signal.aborted) abort();
      });
    }
  }

  /** Sends what is left and closes. */
  close(): void {
    if (this.#failure === undefined) this.#socket.end(() => this.#socket.destroySoon());
    else this.#socket.destroy();
  }

  #end(error: Error): void {
    this.#failure ??= error;
    this.#wake?.();
  }
}

const words: Readonly<Record<string, string>> = { ENOENT: 'no such file or directory', ECONNREFUSED: 'connection refused', EACCES: 'permission denied', EPROTOTYPE: 'protocol wrong type for socket' };

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return words[code] ?? (error instanceof Error ? error.message : String(error));
}
