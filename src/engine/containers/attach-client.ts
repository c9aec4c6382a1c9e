/**
 * Joins a client's connection and a process's stream: output to the client, input to the process, each
 * side closing its half on its own, until the output ends, the client leaves, or detaches.
 */
import { finished } from 'node:stream/promises';
import type { Duplex } from 'node:stream';
import { StreamLitter } from '#base/stream-litter.ts';
import type { AttachStream } from '#runtime/contract.ts';
import { DetachFilter } from './detach-keys.ts';

export type JoinOutcome = 'ended' | 'detached' | 'left';

/**
 * @param detachKeys bytes that detach, for a terminal whose input is attached; undefined: none
 * @param beforeEnd what a client must be able to ask for when its stream has ended: the exit code
 * @returns how it ended; the client's connection is ended, the stream given up in every case
 */
export async function joinClient(
  stream: AttachStream,
  client: Duplex,
  options: { stdin: boolean; detachKeys: Buffer | undefined; signal: AbortSignal; beforeEnd?: Promise<unknown> },
): Promise<JoinOutcome> {
  let outcome: JoinOutcome = 'ended';
  const leave = (how: JoinOutcome): void => {
    if (outcome === 'ended') outcome = how;
    stream.destroy();
  };
  const onAbort = (): void => leave('left');
  options.signal.addEventListener('abort', onAbort, { once: true });
  client.once('error', onAbort);
  client.once('close', onAbort);
  if (options.stdin) {
    const source =
      options.detachKeys === undefined || options.detachKeys.length === 0
        ? client
        : client.pipe(new DetachFilter(options.detachKeys, () => leave('detached')));
    source.pipe(stream);
    // Input to a process that is gone goes nowhere.
    stream.on('error', () => undefined);
  } else {
    client.resume();
    stream.end();
  }
  stream.pipe(client, { end: false });
  const litter = new StreamLitter();
  const count = (chunk: Buffer): void => litter.dropped(chunk.length);
  for (const side of [stream, client]) side.on('data', count);
  try {
    if (options.signal.aborted) onAbort();
    await finished(stream, { writable: false, cleanup: true });
    if (outcome === 'ended') await options.beforeEnd;
  } catch (error) {
    if (outcome === 'ended' && !isPrematureClose(error)) outcome = 'left';
  } finally {
    options.signal.removeEventListener('abort', onAbort);
    client.off('error', onAbort);
    client.off('close', onAbort);
    client.off('data', count);
    client.on('error', () => undefined);
    client.unpipe();
    stream.destroy();
    client.end();
    client.resume();
  }
  return outcome;
}

function isPrematureClose(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';
}
