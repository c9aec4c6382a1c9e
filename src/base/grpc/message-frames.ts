/** gRPC's frames: a byte of flags, four of length, the message (gRPC over HTTP/2, Length-Prefixed-Message). */
import type { Writable } from 'node:stream';
import { GrpcError, statusCodes } from './grpc-status.ts';

const headerLength = 5;

/** Bytes that are written at once. */
const batchSize = 64 * 1024;

/** Writes messages to a stream, those of one turn of the event loop together: each write by itself costs more than the message. */
export class MessageWriter {
  readonly #stream: Writable;
  #waiting: Buffer[] = [];
  #size = 0;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  /** Answers whether there is room for more; else the stream tells when there is. */
  write(message: Uint8Array): boolean {
    if (this.#size === 0) process.nextTick(() => this.flush());
    const frame = frameMessage(message);
    this.#waiting.push(frame);
    this.#size += frame.length;
    return this.#size < batchSize ? !this.#stream.writableNeedDrain : this.flush();
  }

  /** To be called before the stream is ended. */
  flush(): boolean {
    if (this.#size === 0 || this.#stream.destroyed || this.#stream.writableEnded) return true;
    const [only] = this.#waiting;
    const bytes = this.#waiting.length === 1 && only !== undefined ? only : Buffer.concat(this.#waiting, this.#size);
    this.#waiting = [];
    this.#size = 0;
    return this.#stream.write(bytes);
  }
}

function frameMessage(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headerLength + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, headerLength);
  return frame;
}

/**
 * The messages of a stream, those that arrived together in one turn: to hand over each by itself costs more than to read it.
 * @throws GrpcError for compressed ones, ones above `limit` bytes and a stream that ends within one
 */
export async function* readBatches(stream: AsyncIterable<Buffer>, limit: number): AsyncGenerator<Buffer[], void> {
  let parts: Buffer[] = [];
  let length = 0;
  let wanted = headerLength;
  for await (const chunk of stream) {
    parts.push(chunk);
    length += chunk.length;
    if (length < wanted) continue;
    const all = parts.length === 1 ? chunk : Buffer.concat(parts, length);
    const batch: Buffer[] = [];
    let failure: GrpcError | undefined;
    let start = 0;
    for (;;) {
      wanted = headerLength;
      if (all.length - start < wanted) break;
      const size = all.readUInt32BE(start + 1);
      if (all[start] !== 0) failure = new GrpcError(statusCodes.unimplemented, 'compressed messages are not supported');
      else if (size > limit) failure = new GrpcError(statusCodes.resourceExhausted, `received message larger than max (${size} vs. ${limit})`);
      wanted += size;
      if (failure !== undefined || all.length - start < wanted) break;
      batch.push(all.subarray(start + headerLength, start + wanted));
      start += wanted;
    }
    parts = [all.subarray(start)];
    length = all.length - start;
    if (batch.length > 0) yield batch;
    if (failure !== undefined) throw failure;
  }
  if (length > 0) throw new GrpcError(statusCodes.internal, 'the stream ended within a message');
}

/** The same one by one. */
export async function* readFrames(stream: AsyncIterable<Buffer>, limit: number): AsyncGenerator<Buffer, void> {
  for await (const batch of readBatches(stream, limit)) yield* batch;
}
