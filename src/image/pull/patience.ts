/** When and how long to wait before a registry is asked again. */
import { setTimeout as delay } from 'node:timers/promises';
import { EngineError, fail, isFailure } from '#base/errors/failure.ts';

export interface RetryRule {
  /** Milliseconds that count as a second between attempts. */
  readonly unit: number;
  /** At most, before a failure counts. */
  readonly attempts: number;
}

/** A window that opens later than this is told instead of waited for. Seconds. */
const longestWait = 120;
/** What is added to every wait at most, lest all who were refused at once come back at once. */
const jitter = 0.2;

const finalFaults = ['UNAUTHORIZED', 'UNSUPPORTED', 'DENIED', 'NAME_UNKNOWN'];

/** Whether another attempt may do better. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof EngineError)) return error instanceof Error && !('code' in error && error.code === 'ENOSPC');
  if (error.code === 'registry.unreachable' || error.code === 'registry.unexpected_answer') return true;
  if (error.code !== 'registry.refused') return false;
  const { fault, status } = error.details;
  return status === 429 || (fault !== '' && !finalFaults.includes(String(fault)));
}

/** Whether a registry has too much to do, by what it says itself. */
export function isBusy(error: unknown): error is EngineError {
  return error instanceof EngineError && (isFailure(error, 'registry.refused') || isFailure(error, 'registry.unexpected_answer')) && [429, 502, 503, 504].includes(Number(error.details['status']));
}

export interface Waiting {
  readonly error: unknown;
  /** Attempts so far. */
  readonly attempt: number;
  readonly signal: AbortSignal;
  /** Milliseconds that count as a second. */
  readonly unit: number;
  /** Called every second with those left, and with when the registry said it can be asked again. */
  readonly onSecond: (left: number, opens: string | undefined) => void;
}

/** Waits before the next attempt. @throws the error when the registry's window opens too late, with that moment in its text */
export async function waitForNext({ error, attempt, signal, unit, onSecond }: Waiting): Promise<void> {
  const told = error instanceof EngineError ? error.details['retryAfter'] : undefined;
  const seconds = typeof told === 'number' ? Math.max(1, told) : attempt * 5;
  const opens = typeof told === 'number' ? new Date(Date.now() + seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z') : undefined;
  if (seconds > longestWait && error instanceof EngineError) {
    throw fail(error.code, { ...error.details, message: `${error.message} (the registry takes requests again at ${opens}, in ${seconds} seconds)` }, error);
  }
  for (let left = seconds; left > 0; left--) {
    onSecond(left, opens);
    await delay(unit * (1 + Math.random() * jitter), undefined, { signal });
  }
}
