/** What callers and servers of gRPC's methods share, whatever carries the calls. */
import { GrpcError, statusCodes } from './grpc-status.ts';

/** Names in small letters; a name may have several values. */
export type CallMetadata = Readonly<Record<string, string | string[] | undefined>>;

/** A call that is served. */
export interface GrpcCall {
  /** Of the call, its path as `:path` among it. */
  readonly metadata: CallMetadata;
  /** Every value of a name in the metadata. */
  readonly values: (name: string) => string[];
  /** The client's messages, encoded. */
  readonly messages: AsyncIterable<Buffer>;
  /** Aborts when the client gives the call up or its connection ends. */
  readonly signal: AbortSignal;
  /** Sends a message; resolves when there is room for another. */
  send(message: Uint8Array): Promise<void>;
}

/** Serves a method; the call ends when it resolves. */
export type GrpcMethod = (call: GrpcCall) => Promise<void>;

/** By path: `/package.Service/Method`. */
export type GrpcMethods = ReadonlyMap<string, GrpcMethod>;

export interface GrpcCallOptions {
  readonly signal: AbortSignal;
  readonly metadata?: Readonly<Record<string, string | readonly string[]>> | undefined;
}

/** A call under way. */
export interface GrpcStream {
  /** The server's messages, encoded. @throws GrpcError with the call's status */
  readonly messages: AsyncIterable<Buffer>;
  /** The same, those that arrived together in one turn. Either is read. */
  readonly batches: AsyncIterable<readonly Buffer[]>;
  /** Sends a message; resolves when there is room for another. */
  send(message: Uint8Array): Promise<void>;
  /** No more messages come. */
  end(): void;
}

/** The calling side of a connection. */
export interface GrpcCaller extends Disposable {
  /** Aborts when the connection has ended. */
  readonly gone: AbortSignal;
  /** @param path `/package.Service/Method` */
  call(path: string, options: GrpcCallOptions): GrpcStream;
  /** A call of one message and one answer. @throws GrpcError */
  unary(path: string, request: Uint8Array, options: GrpcCallOptions): Promise<Buffer>;
}

/** Bytes of one message. */
export const largestMessage = 16 * 1024 * 1024;

/** A method of one request and one answer. */
export function unary(serve: (request: Buffer, call: GrpcCall) => Promise<Uint8Array>): GrpcMethod {
  return async (call) => {
    let request: Buffer | undefined;
    for await (const message of call.messages) {
      if (request !== undefined) throw new GrpcError(statusCodes.invalidArgument, 'more than one message for a method that takes one');
      request = message;
    }
    if (request === undefined) throw new GrpcError(statusCodes.invalidArgument, 'no message for a method that takes one');
    await call.send(await serve(request, call));
  };
}

/** Sends the one message of a call and takes the one answer. @throws GrpcError */
export async function exchangeOne(call: GrpcStream, path: string, request: Uint8Array): Promise<Buffer> {
  await call.send(request);
  call.end();
  let answer: Buffer | undefined;
  for await (const message of call.messages) answer = message;
  if (answer === undefined) throw new GrpcError(statusCodes.internal, `no answer to ${path}`);
  return answer;
}
