/**
 * A gRPC server on one connection that is HTTP/2 already (prior knowledge). Each call is served on its own; what a
 * method throws is the call's status, and an end of the connection aborts all its calls.
 */
import { once } from 'node:events';
import { performServerHandshake, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import { carryConnection } from './carry-connection.ts';
import { largestMessage, type GrpcMethods } from './grpc-call.ts';
import { encodeStatusMessage, GrpcError, statusCodes } from './grpc-status.ts';
import { MessageWriter, readFrames } from './message-frames.ts';

export interface GrpcServerOptions {
  readonly methods: GrpcMethods;
  /** Closes the connection. */
  readonly signal: AbortSignal;
  /** Told of what is a bug rather than the status of a call. */
  readonly onFault: (error: unknown, path: string) => void;
}

/** Bytes of all calls that may be on their way unread: with HTTP/2's usual 64 KiB large files wait for every piece. */
const connectionWindow = 4 * 1024 * 1024;
/** Serves until the connection ends. */
export async function serveGrpc(connection: Duplex, { methods, signal, onFault }: GrpcServerOptions): Promise<void> {
  const session = performServerHandshake(carryConnection(connection), { settings: { maxConcurrentStreams: 1000, initialWindowSize: 1024 * 1024 } });
  session.setLocalWindowSize(connectionWindow);
  const stop = (): void => session.destroy();
  signal.addEventListener('abort', stop, { once: true });
  const running = new Set<Promise<void>>();
  session.on('stream', (stream, headers, _flags, rawHeaders: string[]) => {
    const call = serveCall(stream, { metadata: headers, rawHeaders }, methods, onFault).finally(() => running.delete(call));
    running.add(call);
  });
  // A broken connection ends its calls, which tell what they have to.
  session.on('error', () => undefined);
  if (signal.aborted) stop();
  try {
    await new Promise<void>((resolve) => session.once('close', resolve));
    await Promise.all(running);
  } finally {
    signal.removeEventListener('abort', stop);
    connection.destroy();
  }
}

async function serveCall(stream: ServerHttp2Stream, { metadata, rawHeaders }: { metadata: IncomingHttpHeaders; rawHeaders: readonly string[] }, methods: GrpcMethods, onFault: GrpcServerOptions['onFault']): Promise<void> {
  const path = metadata[':path'] ?? '';
  const gone = new AbortController();
  const writer = new MessageWriter(stream);
  let trailers: Record<string, string> = {};
  stream.on('error', () => undefined);
  stream.on('close', () => gone.abort(new GrpcError(statusCodes.cancelled, 'context canceled')));
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  try {
    if (!stream.headersSent) stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    const method = methods.get(path);
    if (method === undefined) throw new GrpcError(statusCodes.unimplemented, `unknown method ${path}`);
    await method({
      metadata,
      values: (name) => rawHeaders.flatMap((text, index) => (index % 2 === 0 && text.toLowerCase() === name ? [rawHeaders[index + 1] ?? ''] : [])),
      // A method that wants no more messages still has its answer to send.
      messages: readFrames(stream.iterator({ destroyOnReturn: false }), largestMessage),
      signal: gone.signal,
      send: async (message) => {
        gone.signal.throwIfAborted();
        if (!writer.write(message)) await once(stream, 'drain', { signal: gone.signal });
      },
    });
    trailers = { 'grpc-status': '0' };
  } catch (error) {
    if (gone.signal.aborted) return;
    if (!(error instanceof GrpcError)) onFault(error, path);
    const status = error instanceof GrpcError ? error : new GrpcError(statusCodes.unknown, error instanceof Error ? error.message : String(error));
    trailers = {
      'grpc-status': String(status.code),
      'grpc-message': encodeStatusMessage(status.message),
      ...(status.details === undefined ? {} : { 'grpc-status-details-bin': status.details.toString('base64').replace(/=+$/, '') }),
    };
  }
  writer.flush();
  stream.end();
  // What the client still sends is not wanted; it must not hold the stream open.
  stream.resume();
}
