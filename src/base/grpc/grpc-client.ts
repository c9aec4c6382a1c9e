/** A gRPC client on one connection whose other side serves HTTP/2 by prior knowledge. */
import { once } from 'node:events';
import { connect, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import type { Duplex } from 'node:stream';
import { carryConnection } from './carry-connection.ts';
import { exchangeOne, largestMessage, type GrpcCaller, type GrpcCallOptions, type GrpcStream } from './grpc-call.ts';
import { decodeStatusMessage, GrpcError, statusCodes } from './grpc-status.ts';
import { MessageWriter, readBatches } from './message-frames.ts';

/** Bytes of all calls that may be on their way unread: with HTTP/2's usual 64 KiB large files wait for every piece. */
const connectionWindow = 4 * 1024 * 1024;

export class GrpcClient implements GrpcCaller {
  readonly #connection: Duplex;
  #opened: ClientHttp2Session | undefined;
  readonly #gone = new AbortController();

  /** Nothing is sent before the first call: the other side may still be busy with becoming a server. */
  constructor(connection: Duplex) {
    this.#connection = carryConnection(connection);
    for (const event of ['end', 'close']) connection.once(event, () => this.#leave());
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  call(path: string, { signal, metadata = {} }: GrpcCallOptions): GrpcStream {
    signal.throwIfAborted();
    this.#gone.signal.throwIfAborted();
    const stream = this.#session().request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...copied(metadata) });
    const stop = (): void => stream.close(8);
    signal.addEventListener('abort', stop, { once: true });
    stream.once('close', () => signal.removeEventListener('abort', stop));
    // Told to whoever reads the messages.
    stream.on('error', () => undefined);
    const writer = new MessageWriter(stream);
    const status = statusOf(stream);
    return {
      messages: messagesOf(stream, status, signal),
      batches: batchesOf(stream, status, signal),
      send: async (message) => {
        if (!writer.write(message)) {
          using settled = abortedAtEnd();
          await Promise.race([once(stream, 'drain', settled), once(stream, 'close', settled)]);
        }
        signal.throwIfAborted();
      },
      end: () => {
        writer.flush();
        stream.end();
      },
    };
  }

  async unary(path: string, request: Uint8Array, options: GrpcCallOptions): Promise<Buffer> {
    return await exchangeOne(this.call(path, options), path, request);
  }

  [Symbol.dispose](): void {
    this.#leave();
    this.#opened?.destroy();
    this.#connection.destroy();
  }

  #session(): ClientHttp2Session {
    if (this.#opened !== undefined) return this.#opened;
    const session = connect('http://localhost', { createConnection: () => this.#connection, settings: { enablePush: false, initialWindowSize: 1024 * 1024 } });
    session.once('connect', () => {
      if (!session.destroyed) session.setLocalWindowSize(connectionWindow);
    });
    // Calls under way fail by themselves.
    session.on('error', () => undefined);
    session.on('close', () => this.#leave());
    this.#opened = session;
    return session;
  }

  #leave(): void {
    this.#gone.abort(new GrpcError(statusCodes.unavailable, 'the connection of the session was closed'));
  }
}

function copied(metadata: Readonly<Record<string, string | readonly string[]>>): Record<string, string | string[]> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]));
}

/** The status the call ends with: in trailers, or in the headers of an answer without a body. */
function statusOf(stream: ClientHttp2Stream): () => GrpcError | undefined {
  let found: IncomingHttpHeaders | undefined;
  stream.on('response', (headers) => (found = headers['grpc-status'] === undefined ? found : headers));
  stream.on('trailers', (headers) => (found = headers));
  return () => {
    if (found === undefined) return new GrpcError(statusCodes.unavailable, 'the call ended without a status');
    const code = Number(found['grpc-status']);
    if (code === statusCodes.ok) return undefined;
    const details = found['grpc-status-details-bin'];
    return new GrpcError(Number.isInteger(code) ? code : statusCodes.unknown, decodeStatusMessage(String(found['grpc-message'] ?? '')), {
      details: typeof details === 'string' ? Buffer.from(details, 'base64') : undefined,
    });
  };
}

async function* messagesOf(stream: ClientHttp2Stream, status: () => GrpcError | undefined, signal: AbortSignal): AsyncGenerator<Buffer, void> {
  for await (const batch of batchesOf(stream, status, signal)) yield* batch;
}

async function* batchesOf(stream: ClientHttp2Stream, status: () => GrpcError | undefined, signal: AbortSignal): AsyncGenerator<Buffer[], void> {
  try {
    yield* readBatches(stream, largestMessage);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof GrpcError ? error : (status() ?? error);
  } finally {
    if (!stream.closed) stream.close();
  }
  signal.throwIfAborted();
  const failure = status();
  if (failure !== undefined) throw failure;
}

/** A signal that aborts when it is disposed: what still waits by it goes. */
function abortedAtEnd(): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  return { signal: controller.signal, [Symbol.dispose]: () => controller.abort() };
}
