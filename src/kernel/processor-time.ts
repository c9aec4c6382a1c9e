/** What the processors of this machine have done since its start, proc_stat(5). */
import { readFileSync } from 'node:fs';

/** USER_HZ is 100 on every architecture that runs containers. */
const nanosecondsPerTick = 1e7;
/** user, nice, system, idle, iowait, irq, softirq: what Docker adds up; guests are in user already. */
const countedColumns = 7;

export interface ProcessorTime {
  /** Nanoseconds of all processors together, idle ones included. */
  readonly total: number;
  readonly processors: number;
}

let current: ProcessorTime | undefined;

/** Read once for all who ask within one turn of the event loop: for a sample of many containers it is the same moment. */
export function readProcessorTime(): ProcessorTime {
  if (current !== undefined) return current;
  current = readNow();
  setImmediate(() => (current = undefined)).unref();
  return current;
}

function readNow(): ProcessorTime {
  const lines = readFileSync('/proc/stat', 'utf8').split('\n').filter((line) => line.startsWith('cpu'));
  const columns = (lines[0] ?? '').trim().split(/\s+/).slice(1, 1 + countedColumns).map(Number);
  return { total: columns.reduce((sum, ticks) => sum + ticks, 0) * nanosecondsPerTick, processors: lines.length - 1 };
}
