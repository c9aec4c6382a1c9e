/** The execs of this daemon, by id. They are forgotten with their container, and with a daemon that does not hand them over. */
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

export class ExecRegistry {
  readonly #execs = new Map<string, Exec>();
  readonly #launching = new Set<Promise<unknown>>();

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
  }

  /** @throws exec.not_found */
  require(id: string): Exec {
    const exec = this.#execs.get(id);
    if (exec === undefined) throw fail('exec.not_found', { id });
    return exec;
  }

  /** Forgets the execs of a container that is gone. */
  dropOf(containerId: string): void {
    for (const [id, exec] of this.#execs) if (exec.containerId === containerId) this.#execs.delete(id);
  }
}
