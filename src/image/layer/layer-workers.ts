/** The layer store's worker threads. */
import { fail, type EngineError } from '#base/errors/failure.ts';
import { WorkerPool } from '#kernel/worker-pool.ts';
import { RingPool } from './ring-pool.ts';
import type { JobReply, LayerJob, ResultOf } from './worker-messages.ts';

/** The job stopped because the main thread's side of the ring was broken. */
export class JobStopped extends Error {
  override readonly name = 'JobStopped';
}

export class LayerWorkers {
  /** For jobs that have one. */
  readonly rings = new RingPool();
  readonly #pool = new WorkerPool<LayerJob, JobReply>({ module: new URL('./layer-worker.ts', import.meta.url), name: 'layer', isLast: () => true });

  /** Does a job. @throws the job's failure, or {@link JobStopped} */
  async run<J extends LayerJob>(job: J): Promise<ResultOf<J>> {
    const reply = await this.#pool.run(job);
    // A worker answers the job it was given.
    if (reply.kind === 'done') return reply.result as ResultOf<J>;
    throw reply.kind === 'broken' ? new JobStopped('the job was stopped') : failureOf(reply);
  }
}

function failureOf(reply: JobReply & { kind: 'failed' }): EngineError | Error {
  switch (reply.code) {
    case 'layer.invalid_archive':
      return fail(reply.code, { message: reply.message });
    case 'layer.compression_failed':
      return fail(reply.code, { reason: reply.reason });
    case 'layer.disk_full':
      return fail(reply.code, { path: reply.path });
    case 'layer.too_large':
      return fail(reply.code, { maximum: reply.maximum });
    case 'bug': {
      const error = new Error(reply.message);
      error.stack = reply.stack;
      return error;
    }
  }
}
