/** A request's body, chunk by chunk. A client that falls silent is cut off by the server's socket timeout; one that trickles, here. */
import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusal.ts';

const window = 60_000;

/** @throws BLOB_UPLOAD_INVALID when the body is too slow or ends too early */
export async function* receiveBody(request: IncomingMessage, slowest: number): AsyncGenerator<Buffer> {
  let received = 0;
  let previous = 0;
  let slow: Refusal | undefined;
  const timer = setInterval(() => {
    if (received - previous < (slowest * window) / 1000) {
      slow = new Refusal('BLOB_UPLOAD_INVALID', { status: 408, message: `the body came at less than ${slowest} bytes a second` });
      request.destroy(slow);
    }
    previous = received;
  }, window);
  timer.unref();
  try {
    // A refusal in the middle of a body must still reach the client.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      received += chunk.length;
      yield chunk;
    }
    // Node ends the body of a broken connection quietly when nothing of it was due any more.
    if (!request.complete) throw truncated(received);
  } catch (error) {
    if (slow !== undefined) throw slow;
    if (error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'ERR_STREAM_PREMATURE_CLOSE')) throw truncated(received, error);
    throw error;
  } finally {
    clearInterval(timer);
  }
}

function truncated(received: number, cause?: unknown): Refusal {
  return new Refusal('BLOB_UPLOAD_INVALID', { status: 499, message: `the client broke off after ${received} bytes of the body`, cause });
}
