/**
 * Streams that go on when the daemon ends under them, in a crash, a restart or an upgrade, and a next one comes.
 * Whoever reads such a stream knows where it was left, so that nothing is lost and nothing comes twice.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ConnectionError } from '#client/client-error.ts';
import type { Transport } from '#client/transport.ts';

/** Milliseconds that a next daemon may take to come, and between looks whether it has. */
const patience = 20_000;
const interval = 100;

export interface ContinuedStream<T> {
  readonly transport: Transport;
  readonly signal: AbortSignal;
  /** Asks for the stream from where it was left. What the first call throws is thrown. */
  readonly open: () => Promise<T>;
  /** Reads it to its end. */
  readonly read: (stream: T) => Promise<void>;
}

/** Resolves at the stream's own end; what a daemon's end cuts off is broken. @throws what broke the stream, where no daemon comes within {@link patience} */
export async function readThroughDaemons<T>({ transport, signal, open, read }: ContinuedStream<T>): Promise<void> {
  let stream: T | undefined = await open();
  for (let broken: unknown; ; ) {
    try {
      stream ??= await open();
      broken = undefined;
      return await read(stream);
    } catch (error) {
      if (!isLostConnection(error)) throw error;
      // What broke the stream says more than what became of attempts to go on.
      broken ??= error;
    }
    stream = undefined;
    if (!(await nextDaemon(transport, signal))) throw broken;
  }
}

/** False where none came in time. */
async function nextDaemon(transport: Transport, signal: AbortSignal): Promise<boolean> {
  for (const end = performance.now() + patience; performance.now() < end; await delay(interval)) {
    signal.throwIfAborted();
    if (await transport.isReachable()) return true;
  }
  return false;
}

function isLostConnection(error: unknown): boolean {
  return error instanceof ConnectionError || (error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE'));
}
