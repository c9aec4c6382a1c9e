/**
 * Gives memory back once the daemon has come to rest after work: V8 and the C library keep what a burst
 * needed as long as nothing else asks for it. Looks at the processor time used, and never runs under load.
 */
import { trimHeap } from '#kernel/heap-trim.ts';

/** Milliseconds between two looks. */
const interval = 5000;
/** Milliseconds of processor time within an interval that count as rest, … */
const restful = 100;
/** … and since the last time, that make it worth while. */
const worthwhile = 300;

/** Ends when disposed; keeps no process alive. */
export function keepIdleMemoryLow(): Disposable {
  let before = processorTime();
  let last = 0;
  const timer = setInterval(() => {
    const now = processorTime();
    const used = now - before;
    before = now;
    if (used > restful || now - last < worthwhile) return;
    globalThis.gc?.();
    trimHeap();
    before = processorTime();
    last = before;
  }, interval).unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Milliseconds, in all threads. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
