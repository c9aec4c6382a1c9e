/** What is known of how a container ended, beyond its exit code: kept so that `explain` has proof. */
import { timestampNow } from '#base/timestamp.ts';
import type { Health } from '../health/health-state.ts';

/** Who asked the engine for something. */
export interface Requester {
  /** Of a client on a unix socket. */
  readonly pid?: number;
  readonly uid?: number;
  /** Its command line. */
  readonly command?: string;
  /** Of a client elsewhere. */
  readonly address?: string;
}

/** A signal that the engine sent to a container's process. */
export interface SentSignal {
  readonly number: number;
  /** RFC 3339. */
  readonly at: string;
  /** The request, or `unhealthy`: the engine itself, because of a failed health check. */
  readonly why: 'stop' | 'kill' | 'restart' | 'remove' | 'unhealthy';
  /** Undefined: the engine itself. */
  readonly requester?: Requester;
}

export interface MemoryAtEnd {
  /** Bytes; 0: none of its own. */
  readonly limit: number;
  /** Bytes; undefined where the kernel does not keep it. */
  readonly peak?: number;
}

export interface Ending {
  readonly at: string;
  readonly exitCode: number;
  /** That ended the process, by the kernel; 0: it ended itself; undefined: not known. */
  readonly signal?: number;
  /** Those sent since its start, oldest first. */
  readonly signals: readonly SentSignal[];
  readonly memory?: MemoryAtEnd;
  readonly health?: Pick<Health, 'status' | 'failingStreak' | 'log'>;
  /** The shim was lost: what ended the process is not known. */
  readonly lost: boolean;
}

/** A signal sent just now. */
export function sentBy(number: number, why: SentSignal['why'], requester: Requester | undefined): SentSignal {
  return { number, at: timestampNow(), why, ...(requester !== undefined && { requester }) };
}

const keptSignals = 10;

export function withSignal(signals: readonly SentSignal[] | undefined, sent: SentSignal): SentSignal[] {
  return [...(signals ?? []), sent].slice(-keptSignals);
}
