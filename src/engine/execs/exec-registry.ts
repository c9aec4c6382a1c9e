/**
 * The execs of this daemon, by id. Those that have ended, or whose container is gone, can be inspected for five
 * to ten minutes more, as with Docker; then they are forgotten, as all are with a daemon that does not hand them over.
 */
import type { ExecRequest } from '#schema/container-config.ts';
import type { ShimProcess } from '#runtime/contract.ts';
import { fail } from '#base/errors/failure.ts';

export interface Exec {
  readonly id: string;
  readonly containerId: string;
  readonly request: ExecRequest;
  state: 'created' | 'running' | 'ended';
  process: ShimProcess | undefined;
  exitCode: number | undefined;
  pid: number;
}

/** An exec as one daemon leaves it to the next. */
export interface HandedExec {
  readonly id: string;
  readonly containerId: string;
  readonly request: ExecRequest;
  readonly state: Exec['state'];
  readonly exitCode: number | undefined;
  readonly pid: number;
  readonly shimPid: number;
}

/** Milliseconds between two looks at what can be forgotten. */
const forgettingInterval = 300_000;

export class ExecRegistry {
  readonly #execs = new Map<string, Exec>();
  readonly #launching = new Set<Promise<unknown>>();
  #ended = new Set<string>();
  readonly #exists: (containerId: string) => boolean;
  #timer: NodeJS.Timeout | undefined;

  /** @param exists whether there is such a container */
  constructor(exists: (containerId: string) => boolean) {
    this.#exists = exists;
  }

  /** Notes a start that is under way. */
  launching<T>(start: Promise<T>): Promise<T> {
    this.#launching.add(start);
    return start.finally(() => this.#launching.delete(start));
  }

  /** For the next daemon, once no start is under way. */
  async handOver(): Promise<HandedExec[]> {
    while (this.#launching.size > 0) await Promise.allSettled(this.#launching);
    return [...this.#execs.values()].map(({ id, containerId, request, state, exitCode, pid, process }) => ({ id, containerId, request, state, exitCode, pid, shimPid: process?.shimPid ?? 0 }));
  }

  add(exec: Exec): void {
    this.#execs.set(exec.id, exec);
    this.#timer ??= setInterval(() => this.forget(), forgettingInterval).unref();
  }

  /** @throws exec.not_found */
  require(id: string): Exec {
    const exec = this.#execs.get(id);
    if (exec === undefined) throw fail('exec.not_found', { id });
    return exec;
  }

  /** Whether it goes with the next {@link forget}. */
  canBeForgotten(id: string): boolean {
    return this.#ended.has(id);
  }

  /** Drops those that had ended at the last call already. */
  forget(): void {
    for (const id of this.#ended) this.#execs.delete(id);
    this.#ended = new Set(Array.from(this.#execs.values()).filter(({ state, containerId }) => state === 'ended' || (state === 'created' && !this.#exists(containerId))).map(({ id }) => id));
    if (this.#execs.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
