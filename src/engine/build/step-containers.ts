/** The containers that steps are made in. */
import { Duplex } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { fail, isFailure } from '#base/errors/failure.ts';
import { shortIdentifier } from '#base/identifier.ts';
import type { ContainerConfig } from '#schema/container-config.ts';
import type { BuildRequest, ContainerUseCases } from '../contract.ts';
import type { BuildOutput } from './build-output.ts';

export interface StepContainersOptions {
  readonly containers: ContainerUseCases;
  readonly output: BuildOutput;
  readonly request: Pick<BuildRequest, 'hostConfig' | 'platform'>;
  readonly signal: AbortSignal;
}

const never = new AbortController().signal;

export class StepContainers {
  readonly #options: StepContainersOptions;
  readonly #made: string[] = [];

  constructor(options: StepContainersOptions) {
    this.#options = options;
  }

  /** @throws what creating a container throws */
  async create(config: ContainerConfig, { announced }: { announced: boolean }): Promise<{ id: string }> {
    const { containers, output, request, signal } = this.#options;
    const { Id: id, Warnings } = await containers.create(
      '',
      { ...structuredClone(config), HostConfig: structuredClone(request.hostConfig), NetworkingConfig: { EndpointsConfig: {} } },
      { platform: '', signal },
    );
    this.#made.push(id);
    for (const warning of Warnings) await output.text(` ---> [Warning] ${warning}\n`);
    if (announced) await output.text(` ---> Running in ${shortIdentifier(id)}\n`);
    return { id };
  }

  /** Runs it to its end, its output in the build's. @throws build.command_failed, and what a start throws */
  async run(id: string, command: readonly string[]): Promise<void> {
    const { containers, output, signal } = this.#options;
    const sink = outputSink(output);
    const gone = new AbortController();
    const { join } = await containers.attach(id, { stdin: false, stdout: true, stderr: true, logs: false, stream: true, detachKeys: '' });
    const joined = join(sink, AbortSignal.any([signal, gone.signal]));
    joined.catch(() => undefined);
    const { result } = await containers.wait(id, 'next-exit', gone.signal);
    const stop = (): void => void this.#kill(id);
    try {
      await containers.start(id, { detachKeys: '', signal });
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
      const { StatusCode: code } = await result;
      signal.throwIfAborted();
      await joined;
      if (code !== 0) throw fail('build.command_failed', { command: command.join(' '), code });
    } finally {
      signal.removeEventListener('abort', stop);
      gone.abort();
      sink.destroy();
    }
  }

  /** Removes what is left of the step, with its volumes. */
  async removeAll(): Promise<void> {
    const { containers, output } = this.#options;
    for (const id of this.#made.splice(0)) {
      try {
        await containers.remove(id, { force: true, volumes: true, link: false, signal: never });
      } catch (error) {
        if (!isFailure(error, 'container.not_found')) throw error;
      }
      await output.text(` ---> Removed intermediate container ${shortIdentifier(id)}\n`);
    }
  }

  async #kill(id: string): Promise<void> {
    try {
      await this.#options.containers.kill(id, 'KILL');
    } catch (error) {
      // It ended by itself.
      if (!isFailure(error, 'container.kill_refused') && !isFailure(error, 'container.not_found') && !isFailure(error, 'container.kill_not_found')) throw error;
    }
  }
}

const headerLength = 8;
const errorStream = 2;

/** Takes the frames of an attached client apart (Engine API, "Stream format"); errors are shown in bright red. */
function outputSink(output: BuildOutput): Duplex {
  let pending: Buffer = Buffer.alloc(0);
  const decoders = new Map<number, StringDecoder>();
  const take = async (): Promise<void> => {
    while (pending.length >= headerLength) {
      const length = pending.readUInt32BE(4);
      if (pending.length < headerLength + length) return;
      const kind = pending.readUInt8(0);
      const decoder = decoders.get(kind) ?? new StringDecoder('utf8');
      decoders.set(kind, decoder);
      const text = decoder.write(pending.subarray(headerLength, headerLength + length));
      pending = pending.subarray(headerLength + length);
      if (text !== '') await output.text(kind === errorStream ? `\u001B[91m${text}\u001B[0m` : text);
    }
  };
  return new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      take().then(() => done(), done);
    },
  });
}
