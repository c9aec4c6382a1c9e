/** A daemon that a test answers for: an HTTP server on a unix socket of its own. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';

export interface SeenRequest {
  readonly method: string;
  /** Without the version. */
  readonly target: string;
  readonly version: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Which connection it came by, counted from 1. */
  readonly connection: number;
}

export interface FakeDaemonOptions {
  /** Answers a request; one that gives nothing back has been answered through `response`. */
  readonly answer: (request: SeenRequest, response: ServerResponse) => { readonly status: number; readonly json?: unknown; readonly text?: string } | undefined;
  /** Gets the connection of a hijacked request, after its 101. */
  readonly hijack?: (socket: Duplex, target: string) => void;
  readonly mediaType?: string;
}

export class FakeDaemon implements AsyncDisposable {
  readonly requests: SeenRequest[] = [];
  readonly socketPath: string;
  readonly #place: string;
  readonly #server: ReturnType<typeof createServer>;

  constructor(options: FakeDaemonOptions) {
    this.#place = mkdtempSync(join(tmpdir(), 'dhow-fake-'));
    this.socketPath = join(this.#place, 'docker.sock');
    const connections = new Map<Socket | Duplex, number>();
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const seen = this.#note(request, Buffer.concat(chunks).toString(), connections.get(request.socket) ?? 0);
        const reply = options.answer(seen, response);
        if (reply === undefined) return;
        response.setHeader('Api-Version', '1.51');
        response.setHeader('Content-Type', reply.json === undefined ? 'text/plain' : 'application/json');
        response.writeHead(reply.status).end(reply.json === undefined ? (reply.text ?? '') : `${JSON.stringify(reply.json)}\n`);
      });
    });
    this.#server.on('connection', (socket) => connections.set(socket, connections.size + 1));
    this.#server.on('upgrade', (request, socket) => {
      const { target } = this.#note(request, '', connections.get(socket) ?? 0);
      socket.on('error', () => {});
      socket.write(`HTTP/1.1 101 UPGRADED\r\nContent-Type: ${options.mediaType ?? 'application/vnd.docker.multiplexed-stream'}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`);
      options.hijack?.(socket, target);
    });
  }

  static async start(options: FakeDaemonOptions): Promise<FakeDaemon> {
    const daemon = new FakeDaemon(options);
    daemon.#server.listen(daemon.socketPath);
    await once(daemon.#server, 'listening');
    return daemon;
  }

  /** Methods and paths in their order, as `POST /containers/create`. */
  get calls(): string[] {
    return this.requests.map(({ method, target }) => `${method} ${target}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    rmSync(this.#place, { recursive: true });
  }

  #note(request: IncomingMessage, body: string, connection: number): SeenRequest {
    const [, version = '', target = ''] = /^(?:\/v([\d.]+))?(\/.*)$/.exec(request.url ?? '') ?? [];
    const seen = { method: request.method ?? '', target, version, headers: request.headers, body, connection };
    this.requests.push(seen);
    return seen;
  }
}

/** A frame of a multiplexed stream. */
export function frame(stream: 1 | 2, text: string): Buffer {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
}
