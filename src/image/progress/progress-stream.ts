/**
 * Turns work that reports as it goes into a stream of messages. The work is aborted when the consumer
 * leaves, and its failure is thrown after the messages before it. A slow consumer costs no memory:
 * an unread count of a layer is replaced by the newer one.
 */
import type { ProgressMessage } from '#schema/image-views.ts';

export type Report = (message: ProgressMessage) => void;

export async function* streamProgress(work: (report: Report, signal: AbortSignal) => Promise<void>, signal: AbortSignal): AsyncGenerator<ProgressMessage, void, undefined> {
  signal.throwIfAborted();
  const left = new AbortController();
  const queue: ProgressMessage[] = [];
  let wake: () => void = () => undefined;
  let finished = false;
  const report: Report = (message) => {
    const last = queue.findIndex((queued) => isCount(queued) && isCount(message) && queued !== message && queued.id === message.id && queued.status === message.status);
    if (last >= 0) queue[last] = message;
    else queue.push(message);
    wake();
  };
  const outcome = work(report, AbortSignal.any([signal, left.signal])).then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  void outcome.then(() => {
    finished = true;
    wake();
  });
  try {
    for (;;) {
      const message = queue.shift();
      if (message !== undefined) yield message;
      else if (finished) break;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
    const failure = await outcome;
    if (failure !== undefined) throw failure.error;
  } finally {
    if (!finished) {
      left.abort(new DOMException('the client went away', 'AbortError'));
      await outcome;
    }
  }
}

function isCount(message: ProgressMessage): boolean {
  return message.progressDetail?.current !== undefined;
}
