/** What is left of a request's body when its answer is an error. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';

/** Bytes, as in Go's server. */
const limit = 256 * 1024;

/**
 * Takes the rest of a body that is short, as Go's server does before it answers: clients that still send would find
 * their connection broken instead of the answer. Resolves at once where there is none, or it cannot be had.
 */
export async function takeShortBody(request: IncomingMessage): Promise<void> {
  // Who waits to be told to go on has sent nothing.
  if (request.complete || request.destroyed || request.headers.expect !== undefined || Number(request.headers['content-length'] ?? 0) > limit) return;
  let taken = 0;
  const ended = new AbortController();
  const count = (chunk: Buffer): void => {
    taken += chunk.length;
    if (taken > limit) ended.abort();
  };
  request.on('data', count);
  try {
    await Promise.race([once(request, 'end', { signal: ended.signal }), once(request, 'close', { signal: ended.signal })]);
  } catch (error) {
    if (!ended.signal.aborted && !request.destroyed) throw error;
  } finally {
    request.off('data', count);
    request.pause();
    ended.abort();
  }
}
