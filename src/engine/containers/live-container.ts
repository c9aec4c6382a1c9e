/**
 * What exists of a container only in memory: its process handle, clients that attached before the start,
 * and those who wait for its end. Everything here can be rebuilt after a crash of the daemon.
 */
import type { AttachOptions, AttachStream, ShimProcess } from '#runtime/contract.ts';

export interface ContainerExit {
  readonly exitCode: number;
  readonly error?: string | undefined;
}

interface PendingAttachment {
  readonly options: AttachOptions;
  readonly accept: (stream: AttachStream) => void;
  readonly giveUp: () => void;
}

interface Waiter {
  readonly resolve: (exit: ContainerExit) => void;
  readonly reject: (reason: unknown) => void;
}

export class LiveContainer {
  /** Set while the process runs. */
  process: ShimProcess | undefined;
  /** When this daemon had it started, in milliseconds of a clock that nobody sets. */
  startedAt: number | undefined;
  /** Milliseconds of the last wait before a restart; 0 at first. */
  restartDelay = 0;
  /** Ends a wait between restarts. */
  restartTimer: AbortController | undefined;
  /** While it is being started: gives that up. */
  starting: AbortController | undefined;
  /** While `restart` stops it to start it again: `--rm` does not remove it then. */
  restartRequested = false;
  /** While it is removed by force without its volumes: `--rm`, which is quicker then, leaves them, too. */
  keepsVolumes = false;
  /** While `stop` waits for the end: the event of the end tells so. */
  stopRequested = false;
  /** Execs that have not ended, by id. */
  readonly execs = new Set<string>();

  readonly #pending = new Set<PendingAttachment>();
  readonly #nextExit = new Set<Waiter>();
  readonly #removed = new Set<Waiter>();

  /** Joins at the next start. Resolves with the stream then, or with undefined when the signal aborts first. */
  awaitStart(options: AttachOptions, signal: AbortSignal): Promise<AttachStream | undefined> {
    return new Promise((resolve) => {
      const attachment: PendingAttachment = {
        options,
        accept: (stream) => {
          signal.removeEventListener('abort', onAbort);
          resolve(stream);
        },
        giveUp: () => onAbort(),
      };
      const onAbort = (): void => {
        this.#pending.delete(attachment);
        resolve(undefined);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      else this.#pending.add(attachment);
    });
  }

  /** Takes the clients that wait for the start; `accept` hands each its stream. */
  takePending(): PendingAttachment[] {
    const taken = [...this.#pending];
    this.#pending.clear();
    return taken;
  }

  /** Gives clients back that were taken for a start that failed. */
  returnPending(attachments: readonly PendingAttachment[]): void {
    for (const attachment of attachments) this.#pending.add(attachment);
  }

  /** The next end of the process. */
  nextExit(signal: AbortSignal): Promise<ContainerExit> {
    return waitIn(this.#nextExit, signal);
  }

  /** The removal; carries the last exit. */
  removed(signal: AbortSignal): Promise<ContainerExit> {
    return waitIn(this.#removed, signal);
  }

  /** Nobody learns any more here what becomes of it. */
  abandon(): void {
    for (const { giveUp } of this.#pending) giveUp();
    this.#pending.clear();
    for (const waiters of [this.#nextExit, this.#removed]) {
      for (const waiter of waiters) waiter.reject(new DOMException('the engine was handed over to another daemon', 'AbortError'));
      waiters.clear();
    }
  }

  announceExit(exit: ContainerExit): void {
    release(this.#nextExit, exit);
  }

  announceRemoval(exit: ContainerExit): void {
    release(this.#nextExit, exit);
    release(this.#removed, exit);
  }
}

function waitIn(waiters: Set<Waiter>, signal: AbortSignal): Promise<ContainerExit> {
  return new Promise((resolve, reject) => {
    const waiter: Waiter = {
      resolve: (exit) => {
        signal.removeEventListener('abort', onAbort);
        resolve(exit);
      },
      reject,
    };
    const onAbort = (): void => {
      waiters.delete(waiter);
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    else waiters.add(waiter);
  });
}

function release(waiters: Set<Waiter>, exit: ContainerExit): void {
  const released = [...waiters];
  waiters.clear();
  for (const waiter of released) waiter.resolve(exit);
}
