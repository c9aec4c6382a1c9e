/** Mounts into, and unmounts from, containers that run. A failure changes nothing. */
import { fail } from '#base/errors/failure.ts';
import { failedWith } from './failed-with.ts';
import type { LiveMountJob, LiveMountMessage } from './live-mount-job.ts';
import { mountHolders } from './mount-holders.ts';
import { WorkerPool } from './worker-pool.ts';

export type { LiveMount } from './live-mount-job.ts';

export class LiveMounts {
  readonly #pool = new WorkerPool<LiveMountJob, LiveMountMessage>({
    module: new URL('./live-mount-worker.ts', import.meta.url),
    name: 'live-mount',
    isLast: () => true,
    // One that may not have found its way out of a container is not used again.
    isFit: ({ kind }) => kind === 'done',
  });

  /** @throws kernel.mount_below, kernel.mount_through_link, kernel.mount_kinds_differ, kernel.namespace_gone, kernel.syscall_failed */
  async attach(job: Omit<LiveMountJob & { kind: 'attach' }, 'kind'>): Promise<void> {
    await this.#run({ kind: 'attach', ...job });
  }

  /** Without effect when nothing is mounted there. @throws kernel.mount_busy, kernel.mount_below and those of {@link attach} */
  async detach(pid: number, destination: string, kept: readonly string[]): Promise<void> {
    try {
      await this.#run({ kind: 'detach', pid, destination, kept });
    } catch (error) {
      if (!failedWith(error, 'EBUSY')) throw error;
      throw fail('kernel.mount_busy', { destination, holders: mountHolders(pid, destination).join(', ') }, error);
    }
  }

  async #run(job: LiveMountJob): Promise<void> {
    const reply = await this.#pool.run(job);
    if (reply.kind === 'failed') throw fail(reply.code, reply.details);
    if (reply.kind === 'bug') throw new Error(reply.message);
  }
}
