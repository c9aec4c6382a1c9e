/** A request's body. A client that falls silent is cut off by the server's socket timeout; one that trickles, here. */
import type { IncomingMessage } from 'node:http';
import { freeChunk } from '../storage/buffer-pool.ts';
import { Refusal } from './refusal.ts';

const window = 60_000;

/**
 * Gives the body to `take` chunk by chunk, which are freed when it returns; a promise it returns is waited for.
 * @throws BLOB_UPLOAD_INVALID when the body is too slow or ends too early; what `take` throws
 */
export async function receiveBody(request: IncomingMessage, slowest: number, take: (chunk: Buffer) => Promise<void> | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let [received, previous] = [0, 0];
  const timer = setInterval(() => {
    if (received - previous < (slowest * window) / 1000) reject(new Refusal('BLOB_UPLOAD_INVALID', { status: 408, message: `the body came at less than ${slowest} bytes a second`, headers: { Connection: 'close' } }));
    previous = received;
  }, window);
  timer.unref();
  let waiting: Promise<void> | undefined;
  const onData = (chunk: Buffer): void => {
    received += chunk.length;
    try {
      waiting = take(chunk);
      freeChunk(chunk);
    } catch (error) {
      return reject(error);
    }
    if (waiting === undefined) return;
    request.pause();
    waiting.then(() => {
      waiting = undefined;
      request.resume();
    }, reject);
  };
  const onEnd = (): void => resolve();
  const onClose = (): void => (request.complete ? resolve() : reject(truncated(received)));
  const onError = (error: Error): void => reject('code' in error && error.code === 'ECONNRESET' ? truncated(received, error) : error);
  request.on('data', onData).once('end', onEnd).once('close', onClose).once('error', onError);
  // It may be over before anybody asked for it.
  if (request.readableEnded) resolve();
  else if (request.destroyed) onClose();
  try {
    await promise;
    await waiting;
  } finally {
    clearInterval(timer);
    request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onError);
    // An aborted request tells so once more.
    request.on('error', () => undefined);
  }
}

/** The body whole. @throws what `tooLarge` makes, beyond `limit` bytes */
export async function readBody(request: IncomingMessage, options: { slowest: number; limit: number; tooLarge: () => Refusal }): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  await receiveBody(request, options.slowest, (chunk) => {
    size += chunk.length;
    if (size > options.limit) throw options.tooLarge();
    chunks.push(Buffer.from(chunk));
    return undefined;
  });
  return Buffer.concat(chunks);
}

function truncated(received: number, cause?: unknown): Refusal {
  return new Refusal('BLOB_UPLOAD_INVALID', { status: 499, message: `the client broke off after ${received} bytes of the body`, cause });
}
