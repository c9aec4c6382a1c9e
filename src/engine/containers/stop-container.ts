/** Stopping: the stop signal, a time to comply, then SIGKILL. */
import { fail } from '#base/errors/failure.ts';
import { timestampNow } from '#base/timestamp.ts';
import { publishContainerEvent } from './container-events.ts';
import type { ContainerLifecycle } from './container-lifecycle.ts';
import type { ContainerRecord } from './container-record.ts';
import type { Requester, SentSignal } from './ending.ts';
import { isRunning } from './container-state.ts';
import type { EngineParts } from './engine-parts.ts';
import { thawContainer } from './pause-container.ts';
import { isSignal, readSignal } from './signal-name.ts';

/** Seconds, Docker's default. */
const defaultTimeout = 10;
const killSignal = 9;
/** Milliseconds: Docker's ten seconds, and two for a second try. */
const killPatience = 12_000;
/** Seconds, Docker's where the stop signal is none of this machine. */
const patienceWithoutSignal = 2;

export interface StopOptions {
  /** Seconds; undefined: the container's own or {@link defaultTimeout}; negative: for ever. */
  readonly timeout: number | undefined;
  /** Empty: the container's own or SIGTERM. */
  readonly signalName: string;
  readonly why: 'stop' | 'restart' | 'unhealthy';
  readonly requester?: Requester | undefined;
  readonly signal: AbortSignal;
}

/** Resolves when the process has ended. */
export async function stopContainer(parts: EngineParts, lifecycle: ContainerLifecycle, id: string, options: StopOptions): Promise<void> {
  const record = parts.registry.require(id);
  const name = options.signalName !== '' ? options.signalName : record.config.StopSignal === undefined || record.config.StopSignal === '' ? 'TERM' : record.config.StopSignal;
  const number = readSignal(name);
  if (number === undefined) throw fail('container.signal_invalid', { signal: name });
  const seconds = isSignal(number) ? (options.timeout ?? record.config.StopTimeout ?? defaultTimeout) : patienceWithoutSignal;
  const live = parts.live.of(id);
  const left = new AbortController();
  const exit = live.nextExit(left.signal);
  exit.catch(() => undefined);
  try {
    const sentSignal = (signalNumber: number): SentSignal => ({ number: signalNumber, at: timestampNow(), why: options.why, ...(options.requester !== undefined && { requester: options.requester }) });
    if (!lifecycle.markStopped(id, sentSignal(number)) || !isRunning(parts.registry.require(id).state)) return;
    const send = (signalNumber: number): void => {
      const { process } = live;
      if (process !== undefined && process.signal(signalNumber)) {
        publishContainerEvent(parts.events, parts.registry.get(id) ?? record, 'kill', { signal: String(signalNumber) });
      }
    };
    live.stopRequested = true;
    if (isSignal(number)) send(number);
    await thawContainer(parts, id);
    if (seconds < 0) await exit;
    else if (!(await endsWithin(exit, seconds * 1000))) {
      if (parts.registry.get(id) !== undefined) lifecycle.markStopped(id, sentSignal(killSignal));
      send(killSignal);
      await awaitKilled(parts, record, exit, `stop container: ${record.name}`);
    }
  } finally {
    live.stopRequested = false;
    left.abort();
  }
}

/**
 * Waits for the end of a container that was sent SIGKILL, as long as Docker does: what waits inside the kernel
 * for a device or a file server that does not answer cannot be ended by anybody.
 * @param action what is said to have failed. @throws container.kill_unanswered
 */
export async function awaitKilled(parts: EngineParts, record: ContainerRecord, exit: Promise<unknown>, action: string): Promise<void> {
  if (await endsWithin(exit, killPatience)) return;
  const processes = parts.runtime.processes(record).join(', ');
  parts.log('warning', `container ${record.name} was killed and does not end: the kernel holds on to its processes ${processes} (see /proc/PID/stack); it ends as soon as what they wait for answers`);
  throw fail('container.kill_unanswered', { action });
}

async function endsWithin(exit: Promise<unknown>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds);
  });
  try {
    return await Promise.race([exit.then(() => true), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
