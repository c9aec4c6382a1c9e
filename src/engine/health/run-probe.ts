/** One probe: a process in the container whose end and first output are the result. */
import { formatGoDuration } from '#base/go-duration-text.ts';
import { formatTimestamp, nowNanoseconds } from '#base/timestamp.ts';
import type { ExecRequest, HealthResult } from '#schema/container-config.ts';
import type { AttachStream, ShimLauncher, ShimProcess } from '#runtime/contract.ts';
import type { Snapshotter } from '#image/contract.ts';
import { describeExecFailure } from '../containers/start-failure.ts';
import type { ContainerRecord } from '../containers/container-record.ts';
import type { RuntimePreparation } from '../processes/runtime-preparation.ts';

export interface ProbeParts {
  readonly snapshotter: Snapshotter;
  readonly runtime: RuntimePreparation;
  readonly launcher: ShimLauncher;
}

const outputLimit = 4096;
const killSignal = 9;

/** @param timeout milliseconds, after which the probe is killed. Never rejects: what fails is the result; `started`: whether there was a process. */
export async function runProbe(parts: ProbeParts, record: ContainerRecord, options: { execId: string; command: string[]; timeout: number; signal: AbortSignal }): Promise<HealthResult & { readonly started: boolean }> {
  const start = nowNanoseconds();
  const finish = (exitCode: number, output: string): HealthResult & { readonly started: boolean } => ({
    started: true,
    Start: formatTimestamp(start),
    End: formatTimestamp(nowNanoseconds()),
    ExitCode: exitCode,
    Output: output,
  });
  try {
    const rootfs = await parts.snapshotter.mount(record.id);
    const launch = await parts.runtime.prepareExec(record, rootfs, options.execId, requestOf(options.command));
    await using process = await parts.launcher.launch({ ...launch, attachments: [{ stdin: false, stdout: true, stderr: true }] }, options.signal);
    const output = new ProbeOutput(process.attached[0]);
    const exitCode = await endWithin(process, output.ended, options.timeout, options.signal);
    if (exitCode !== undefined) return finish(exitCode, output.text());
    const text = output.text();
    return finish(-1, `Health check exceeded timeout (${formatGoDuration(options.timeout * 1e6)})${text === '' ? '' : `: ${text}`}`);
  } catch (error) {
    return { ...finish(-1, describeExecFailure(error, { path: options.command[0] ?? '', workingDirectory: '' }).error.message), started: false };
  }
}

/** The exit code; undefined when the time was over first, and the process is killed then. */
async function endWithin(process: ShimProcess, outputEnded: Promise<void>, timeout: number, signal: AbortSignal): Promise<number | undefined> {
  const { promise: expired, resolve: expire } = Promise.withResolvers<undefined>();
  const timer = setTimeout(expire, timeout, undefined).unref();
  const onAbort = (): void => expire(undefined);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    const ended = Promise.all([process.exited, outputEnded]).then(([{ exitCode }]) => exitCode);
    const outcome = await Promise.race([ended, expired]);
    if (outcome === undefined) process.signal(killSignal);
    return outcome;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

/** The first bytes of both streams without their frames; the rest is read and dropped. */
class ProbeOutput {
  readonly ended: Promise<void>;
  #raw = Buffer.alloc(0);
  #kept = Buffer.alloc(0);
  #truncated = false;

  constructor(stream: AttachStream | undefined) {
    this.ended = new Promise((resolve) => {
      if (stream === undefined) {
        resolve();
        return;
      }
      stream.on('data', (chunk: Buffer) => this.#take(chunk));
      stream.once('close', resolve).once('end', resolve).once('error', () => resolve());
    });
  }

  text(): string {
    return this.#kept.toString() + (this.#truncated ? '...' : '');
  }

  #take(chunk: Buffer): void {
    this.#raw = Buffer.concat([this.#raw, chunk]);
    while (this.#raw.length >= 8) {
      const end = 8 + this.#raw.readUInt32BE(4);
      if (this.#raw.length < end) return;
      const room = outputLimit - this.#kept.length;
      if (end - 8 > room) this.#truncated = true;
      this.#kept = Buffer.concat([this.#kept, this.#raw.subarray(8, Math.min(end, 8 + room))]);
      this.#raw = this.#raw.subarray(end);
    }
  }
}

function requestOf(command: string[]): ExecRequest {
  return { User: '', Privileged: false, Tty: false, AttachStdin: false, AttachStderr: true, AttachStdout: true, DetachKeys: '', Env: null, WorkingDir: '', Cmd: command };
}
