/**
 * Worker threads that do one job at a time with blocking calls: made when needed, kept a little while for the
 * next job. Idle ones do not keep the process alive.
 */
import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { warmThreadPool } from './chroot.ts';

const idleLimit = 4;
const idleMilliseconds = 5000;
/** A thread's heap else takes as much as the whole process: what jobs leave behind dies young. */
const resourceLimits = { maxYoungGenerationSizeMb: 3 };

export interface WorkerPoolOptions<M> {
  /** The module the threads run: it answers each message, a job, by messages of its own. */
  readonly module: URL;
  /** What the threads are called. */
  readonly name: string;
  /** Takes a message of a thread at work; true: it is the last of the job. */
  readonly isLast: (message: M) => boolean;
  /** Whether the thread is fit for another job. */
  readonly isFit?: (last: M) => boolean;
}

export class WorkerPool<J, M> {
  readonly #options: WorkerPoolOptions<M>;
  readonly #idle: IdleWorker[] = [];

  constructor(options: WorkerPoolOptions<M>) {
    this.#options = options;
  }

  /** Does a job and answers the thread's last message about it; `onMessage` is given those before. @throws Error when the thread dies */
  async run(job: J, onMessage?: (message: M) => void): Promise<M> {
    const worker = this.#idle.pop()?.take() ?? (await this.#newWorker());
    worker.ref();
    let last: M;
    try {
      last = await this.#ask(worker, job, onMessage);
    } catch (error) {
      end(worker);
      throw error;
    }
    if (this.#options.isFit?.(last) === false) end(worker);
    else this.#keep(worker);
    return last;
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

  async #newWorker(): Promise<Worker> {
    await warmThreadPool();
    const { module, name } = this.#options;
    const worker = new Worker(module, { name, trackUnmanagedFds: false, execArgv: [], env: workerEnvironment(), resourceLimits });
    // A failure while idle is seen by its exit; one at work is seen by `ask` too.
    worker.on('error', () => undefined);
    return worker;
  }

  async #ask(worker: Worker, job: J, onMessage: ((message: M) => void) | undefined): Promise<M> {
    const { promise, resolve, reject } = Promise.withResolvers<M>();
    const onExit = (code: number): void => reject(new Error(`bug: a ${this.#options.name} worker ended with code ${code}`));
    const take = (message: M): void => (this.#options.isLast(message) ? resolve(message) : onMessage?.(message));
    worker.on('message', take);
    worker.once('error', reject);
    worker.once('exit', onExit);
    try {
      worker.postMessage(job);
      return await promise;
    } finally {
      worker.off('message', take);
      worker.off('error', reject);
      worker.off('exit', onExit);
    }
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
  // Nothing waits for it: it has given its last message or its failure.
  worker.terminate().catch(() => undefined);
}

/** The environment with the process's cache of compiled code, which a thread does not take over by itself. */
function workerEnvironment(): NodeJS.ProcessEnv {
  const cache = getCompileCacheDir();
  return cache === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: dirname(cache) };
}
