/** The execs of this daemon, by id. Like Docker's they are forgotten with their container or the daemon. */
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

export class ExecRegistry {
  readonly #execs = new Map<string, Exec>();

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
