/**
 * Joins a client's connection and a process's stream: output to the client, input to the process, each
 * side closing its half on its own, until the output ends, the client leaves, or detaches.
 */
import { finished } from 'node:stream/promises';
import type { Duplex } from 'node:stream';
import { StreamLitter } from '#base/stream-litter.ts';
import type { AttachOptions, AttachStream } from '#runtime/contract.ts';
import { QuietConnection } from '#kernel/quiet-connection.ts';
import { DetachFilter } from './detach-keys.ts';

export type JoinOutcome = 'ended' | 'detached' | 'left';

/** What a client asks of a process, with its connection where the shim may serve that by itself: no keys are to be looked for in its input. */
export class ClientChoice implements AttachOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly connection: QuietConnection | undefined;

  constructor({ stdin, stdout, stderr }: AttachOptions, client: Duplex, detachKeys: Buffer | undefined) {
    this.stdin = stdin;
    this.stdout = stdout;
    this.stderr = stderr;
    this.connection = stdin && detachKeys !== undefined && detachKeys.length > 0 ? undefined : QuietConnection.of(client);
  }
}

/**
 * @param detachKeys bytes that detach, for a terminal whose input is attached; undefined: none
 * @param beforeEnd what a client must be able to ask for when its stream has ended: the exit code
 * @returns how it ended; the client's connection is ended, the stream given up in every case
 */
export async function joinClient(
  stream: AttachStream,
  client: Duplex,
  options: { stdin: boolean; detachKeys: Buffer | undefined; signal: AbortSignal; beforeEnd?: Promise<unknown>; connection?: QuietConnection | undefined },
): Promise<JoinOutcome> {
  // An earlier version's shim does not serve it.
  if (stream.direct !== true) options.connection?.wake();
  let outcome: JoinOutcome = 'ended';
  const leave = (how: JoinOutcome): void => {
    if (outcome === 'ended') outcome = how;
    stream.destroy();
  };
  const onAbort = (): void => leave('left');
  options.signal.addEventListener('abort', onAbort, { once: true });
  client.once('error', onAbort);
  client.once('close', onAbort);
  if (stream.direct === true) {
    stream.on('error', () => undefined);
    stream.resume();
  } else if (options.stdin) {
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
  if (stream.direct !== true) stream.pipe(client, { end: false });
  const litter = new StreamLitter();
  const count = (chunk: Buffer): void => litter.dropped(chunk.length);
  if (stream.direct !== true) for (const side of [stream, client]) side.on('data', count);
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
    if (stream.direct === true) options.connection?.wake();
    stream.destroy();
    client.end();
    client.resume();
  }
  return outcome;
}

function isPrematureClose(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';
}
