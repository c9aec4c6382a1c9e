/**
 * One daemon's connection to one shim, from before the process runs to its exit. Whatever happens to the
 * shim, `exited` resolves: with its report, with the exit file, or after the process was killed.
 */
import type { Socket } from 'node:net';
import { fail } from '#base/errors/failure.ts';
import { ProcessHandle, readProcessIdentity } from '#kernel/pidfd.ts';
import type { AttachOptions, AttachStream, ExitReport, ShimProcess } from './contract.ts';
import { attachStreamOf, connectClient, ControlChannel, endedStream, rolesOf } from './shim-connection.ts';
import { startFailure } from './shim-failure.ts';
import { encodeAbort, encodeResize, type ShimMessage } from './shim-frames.ts';
import { clearAfterLostShim, readExitFile } from './shim-remains.ts';

export interface ShimSessionOptions {
  readonly containerId: string;
  /** Still on its way when the shim is there but does not answer; undefined: it has ended before it did. */
  readonly control: Socket | Promise<Socket | undefined>;
  readonly attached: readonly AttachStream[];
  readonly runDirectory: string;
  readonly stateDirectory: string;
  readonly exitFile: string;
  /** What must be known to clear up; undefined when only the shim's own record tells. */
  readonly record: unknown;
  /** An earlier daemon's shim: whether the pid is still its child's must be asked. */
  readonly adopted: boolean;
  /** What is known of the process of a shim that does not answer. */
  readonly silent?: { readonly pid: number; readonly shimPid: number } | undefined;
  readonly startedAt?: bigint | undefined;
  /** The shim has ended, or this daemon let go of it. */
  readonly onClosed: () => void;
}

const SIGKILL = 9;
/** Milliseconds after the end of a killed process: a shim that has not reported it by then was stopped by somebody, … */
const wakeAfter = 1000;
/** … and one that is not to be woken holds its container up for ever. */
const giveUpAfter = 15_000;

export class ShimSession implements ShimProcess {
  readonly exited: Promise<ExitReport>;
  readonly attached: readonly AttachStream[];
  /** Resolves when the process runs. @throws runtime.start_failed */
  readonly started: Promise<void>;
  /** Resolves when the shim has ended or the session is disposed. */
  readonly closed: Promise<void>;
  readonly #options: ShimSessionOptions;
  #channel: ControlChannel | undefined;
  #disposed = false;
  #expectation: NodeJS.Timeout | undefined;
  readonly #exit = Promise.withResolvers<ExitReport>();
  readonly #start = Promise.withResolvers<void>();
  readonly #end = Promise.withResolvers<void>();
  #handle: ProcessHandle | undefined;
  #startedAt: bigint | undefined;
  #pid = 0;
  #shimPid = 0;
  #phase: 'starting' | 'failed' | 'running' | 'ended' = 'starting';

  constructor(options: ShimSessionOptions) {
    this.#options = options;
    this.attached = options.attached;
    this.#startedAt = options.startedAt;
    this.exited = this.#exit.promise;
    this.started = this.#start.promise;
    this.closed = this.#end.promise;
    // A start that is aborted may be awaited no more.
    this.started.catch(() => undefined);
    const { control, silent } = options;
    if (!(control instanceof Promise)) {
      this.#open(control);
      return;
    }
    if (silent !== undefined) this.#run(silent.pid, silent.shimPid);
    void control.then((socket) => {
      if (socket === undefined) void this.#lose();
      else if (this.#disposed) socket.destroy();
      else this.#open(socket);
    });
  }

  #open(control: Socket): void {
    this.#channel = new ControlChannel(control, {
      onMessage: (message) => this.#receive(message),
      onClosed: () => void this.#lose(),
    });
  }

  get pid(): number {
    return this.#pid;
  }

  get startedAt(): bigint | undefined {
    return this.#startedAt;
  }

  get shimPid(): number {
    return this.#shimPid;
  }

  async attach(options: AttachOptions): Promise<AttachStream> {
    if (this.#phase === 'ended') return endedStream();
    const client = await connectClient(this.#options.runDirectory, rolesOf(options), options.connection?.descriptor);
    // It has ended meanwhile.
    return client === undefined ? endedStream() : attachStreamOf(client.socket, client.direct);
  }

  resize(size: { rows: number; columns: number }): void {
    this.#channel?.send(encodeResize(size.rows, size.columns));
  }

  signal(number: number): boolean {
    if (this.#phase === 'ended' || this.#handle === undefined || !this.#handle.signal(number)) return false;
    if (number === SIGKILL) this.#expectEnd();
    return true;
  }

  /** Gives up a start that is under way; the shim then ends, leaving nothing. */
  abort(): void {
    this.#channel?.send(encodeAbort());
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    clearInterval(this.#expectation);
    this.#channel?.[Symbol.dispose]();
    this.#handle?.[Symbol.dispose]();
    this.#end.resolve();
    this.#options.onClosed();
    return Promise.resolve();
  }

  #receive(message: ShimMessage): void {
    switch (message.type) {
      case 'started':
        if (this.#phase !== 'starting') return;
        this.#startedAt ??= message.startedAt;
        this.#run(message.pid, message.shimPid);
        return;
      case 'failed':
        if (this.#phase !== 'starting') return;
        this.#phase = 'failed';
        this.#start.reject(startFailure(this.#options.containerId, message));
        return;
      case 'exited':
        this.#finish({ exitCode: message.exitCode, finishedAt: message.finishedAt, signal: message.signal, reason: 'exited' });
    }
  }

  #run(pid: number, shimPid: number): void {
    this.#pid = pid;
    this.#shimPid = shimPid;
    this.#handle = this.#openProcess();
    this.#phase = 'running';
    this.#start.resolve();
  }

  /** Sees to it that the end of a killed process is reported, whatever has become of its shim. */
  #expectEnd(): void {
    if (this.#expectation !== undefined) return;
    let endedAt: number | undefined;
    let woken = false;
    this.#expectation = setInterval(() => {
      if (endedAt === undefined) {
        if (this.#handle?.hasEnded() !== false) endedAt = performance.now();
        return;
      }
      const silence = performance.now() - endedAt;
      if (silence >= giveUpAfter) {
        clearInterval(this.#expectation);
        signalProcess(this.#shimPid, 'SIGKILL');
      } else if (silence >= wakeAfter && !woken) {
        woken = true;
        signalProcess(this.#shimPid, 'SIGCONT');
      }
    }, wakeAfter / 4).unref();
  }

  /** Undefined when it has ended already. */
  #openProcess(): ProcessHandle | undefined {
    const handle = ProcessHandle.open(this.#pid);
    if (handle === undefined || !this.#options.adopted) return handle;
    if (readProcessIdentity(this.#pid)?.parent === this.#shimPid) return handle;
    handle[Symbol.dispose]();
    return undefined;
  }

  #finish(report: ExitReport): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    clearInterval(this.#expectation);
    this.#handle?.[Symbol.dispose]();
    this.#exit.resolve(report);
  }

  async #lose(): Promise<void> {
    this.#options.onClosed();
    try {
      if (this.#phase === 'starting') {
        this.#phase = 'failed';
        this.#start.reject(
          fail('runtime.start_failed', { message: 'the shim ended before the process was started', exitCode: 0, containerId: this.#options.containerId }),
        );
      } else if (this.#phase === 'running') {
        this.#finish(await this.#recover());
      }
    } finally {
      this.#end.resolve();
    }
  }

  async #recover(): Promise<ExitReport> {
    const { runDirectory, stateDirectory, exitFile, record } = this.#options;
    return (await readExitFile(stateDirectory, exitFile, this.#pid)) ?? (await clearAfterLostShim(runDirectory, { process: this.#handle, record }));
  }
}

/** A shim that has ended already is fine. */
export function signalProcess(pid: number, name: 'SIGKILL' | 'SIGCONT'): void {
  try {
    if (pid > 0) process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
