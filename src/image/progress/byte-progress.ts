/** Messages of a count of bytes, at most ten a second, as Docker sends them. */
import { progressBar } from './progress-bar.ts';
import type { Report } from './progress-stream.ts';

const shortestInterval = 100;

/** Gets the count so far at every call; `total` 0 where it is not known. */
export function byteProgress(report: Report, options: { id: string; status: string; total: number }): (current: number) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (current) => {
    const now = performance.now();
    if (current !== options.total && now - last < shortestInterval) return;
    last = now;
    report(byteMessage({ ...options, current }));
  };
}

/** One such message; `id` empty for what has none. */
export function byteMessage(count: { id: string; status: string; current: number; total: number }): Parameters<Report>[0] {
  const { id, status, current, total } = count;
  const progress = progressBar(current, total);
  return {
    status,
    progressDetail: { ...(current === 0 ? {} : { current }), ...(total === 0 ? {} : { total }) },
    ...(progress === '' ? {} : { progress }),
    ...(id === '' ? {} : { id }),
  };
}

/** Bytes that Docker reads at once. */
const dockerRead = 32 * 1024;

/** Tells that all was read. Docker tells it twice where its last read was no small part of it. */
export function reportWhole(report: Report, { total, ...count }: { id: string; status: string; total: number }): void {
  const message = byteMessage({ ...count, current: total, total });
  report(message);
  if ((total % dockerRead || dockerRead) > total / 100) report(message);
}
