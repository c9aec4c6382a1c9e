/**
 * The layer store's worker threads: made when needed, kept a little while for the next job. Idle ones do
 * not keep the process alive.
 */
import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { fail, type EngineError } from '#base/errors/failure.ts';
import { warmThreadPool } from '#kernel/chroot.ts';
import type { JobReply, LayerJob, ResultOf } from './worker-messages.ts';

const idleLimit = 2;
const idleMilliseconds = 5000;

/** The job stopped because the main thread's side of the ring was broken. */
export class JobStopped extends Error {
  override readonly name = 'JobStopped';
}

export class LayerWorkers {
  readonly #idle: IdleWorker[] = [];

  /** Does a job. @throws the job's failure, or {@link JobStopped} */
  async run<J extends LayerJob>(job: J): Promise<ResultOf<J>> {
    const worker = this.#idle.pop()?.take() ?? (await newWorker());
    worker.ref();
    let reply: JobReply;
    try {
      reply = await ask(worker, job);
    } catch (error) {
      end(worker);
      throw error;
    }
    this.#keep(worker);
    // A worker answers the job it was given.
    if (reply.kind === 'done') return reply.result as ResultOf<J>;
    throw reply.kind === 'broken' ? new JobStopped('the job was stopped') : failureOf(reply);
  }

  #keep(worker: Worker): void {
    worker.unref();
    if (this.#idle.length >= idleLimit) {
      end(worker);
      return;
    }
    const idle = new IdleWorker(worker, () => {
      const index = this.#idle.indexOf(idle);
      if (index >= 0) this.#idle.splice(index, 1);
    });
    this.#idle.push(idle);
  }
}

class IdleWorker {
  readonly #worker: Worker;
  readonly #timer: NodeJS.Timeout;
  readonly #onEnd: () => void;

  /** @param onEnd called when the worker is no longer to be used */
  constructor(worker: Worker, onEnd: () => void) {
    this.#worker = worker;
    this.#onEnd = onEnd;
    worker.once('exit', onEnd);
    this.#timer = setTimeout(() => {
      onEnd();
      end(worker);
    }, idleMilliseconds);
    this.#timer.unref();
  }

  take(): Worker {
    clearTimeout(this.#timer);
    this.#worker.off('exit', this.#onEnd);
    return this.#worker;
  }
}

function end(worker: Worker): void {
  // Nothing waits for it: it has given its reply or its failure.
  worker.terminate().catch(() => undefined);
}

async function newWorker(): Promise<Worker> {
  await warmThreadPool();
  const worker = new Worker(new URL('./layer-worker.ts', import.meta.url), { name: 'layer', trackUnmanagedFds: false, execArgv: [], env: workerEnvironment() });
  // A failure while idle is seen by its exit; one at work is seen by `ask` too.
  worker.on('error', () => undefined);
  return worker;
}

async function ask(worker: Worker, job: LayerJob): Promise<JobReply> {
  const { promise, resolve, reject } = Promise.withResolvers<JobReply>();
  const onExit = (code: number): void => reject(new Error(`bug: a layer worker ended with code ${code}`));
  worker.once('message', resolve);
  worker.once('error', reject);
  worker.once('exit', onExit);
  try {
    worker.postMessage(job);
    return await promise;
  } finally {
    worker.off('message', resolve);
    worker.off('error', reject);
    worker.off('exit', onExit);
  }
}

function failureOf(reply: JobReply & { kind: 'failed' }): EngineError | Error {
  switch (reply.code) {
    case 'layer.invalid_archive':
      return fail(reply.code, { message: reply.message });
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

/** The environment with the process's cache of compiled code, which a thread does not take over by itself. */
function workerEnvironment(): NodeJS.ProcessEnv {
  const cache = getCompileCacheDir();
  return cache === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: dirname(cache) };
}
