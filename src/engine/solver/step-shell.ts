/** A shell in the state that a RUN failed in: the same files, mounts, user, variables and network, for the build's client. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { messageOf } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import type { ShellInput } from '#schema/buildkit/shell-messages.ts';
import { resolveInRoot } from '#kernel/resolve-in-root.ts';
import type { AttachStream } from '#runtime/contract.ts';
import type { ContainerRecord } from '../containers/container-record.ts';
import type { EngineParts } from '../containers/engine-parts.ts';
import type { ContainerPlace } from '../processes/runtime-preparation.ts';
import type { ShellStream } from './build-session.ts';
import { readOutput } from './step-output.ts';

export interface StepShellOptions {
  /** The failed step's container. */
  readonly record: ContainerRecord;
  readonly place: ContainerPlace;
  readonly parts: EngineParts;
  readonly signal: AbortSignal;
}

const shells = ['/bin/bash', '/bin/sh', '/bin/ash', '/usr/bin/bash', '/usr/bin/sh', '/busybox/sh'];
const killSignal = 9;
const cannotStart = 127;

/** Until the client's shell has ended; nothing where the client opens none. */
export async function serveStepShell(stream: ShellStream, options: StepShellOptions): Promise<void> {
  const inputs = stream.inputs[Symbol.asyncIterator]();
  const first = await inputs.next();
  const start = first.done === true ? undefined : first.value.start;
  if (start === undefined) return stream.end();
  const command = start.command.length > 0 ? start.command : [shellIn(options.place.rootfs)];
  const { parts, place, signal } = options;
  const record = shellRecord(options.record, command, { terminal: start.terminal, size: start.size });
  const path = parts.runtime.cgroupPath(record);
  try {
    const launch = await parts.runtime.prepare(record, place);
    await using process = await parts.launcher.launch({ ...launch, attachments: [{ stdin: true, stdout: true, stderr: !start.terminal }] }, signal);
    const stop = (): void => {
      process.signal(killSignal);
      void parts.runtime.killAll(record);
    };
    signal.addEventListener('abort', stop, { once: true });
    try {
      if (signal.aborted) stop();
      const [attached] = process.attached;
      if (attached !== undefined) {
        // A client that goes away ends its shell.
        void typeInto(attached, inputs, (size) => process.resize(size)).catch(stop);
        await showOutput(attached, stream, start.terminal);
      }
      const { exitCode } = await process.exited;
      await parts.runtime.killAll(record);
      signal.throwIfAborted();
      await stream.send({ exited: true, exitCode });
    } finally {
      signal.removeEventListener('abort', stop);
    }
  } catch (error) {
    signal.throwIfAborted();
    await stream.send({ stream: 2, data: Buffer.from(`${messageOf(error)}\n`) });
    await stream.send({ exited: true, exitCode: cannotStart });
  } finally {
    await parts.runtime.release(record.id, path);
    await rm(parts.paths.containerDirectory(record.id), { recursive: true, force: true });
    stream.end();
  }
}

function shellIn(rootfs: string): string {
  return shells.find((path) => {
    const real = resolveInRoot(rootfs, path);
    return real !== undefined && existsSync(real);
  }) ?? 'sh';
}

function shellRecord(step: ContainerRecord, command: readonly string[], { terminal, size }: { terminal: boolean; size: { rows: number; columns: number } | undefined }): ContainerRecord {
  const [path = '', ...args] = command;
  const variables = step.config.Env ?? [];
  const term = terminal && !variables.some((variable) => variable.startsWith('TERM=')) ? ['TERM=xterm'] : [];
  return {
    ...step, id: newIdentifier(), path, args,
    config: { ...step.config, Cmd: [...command], Tty: terminal, AttachStdin: true, OpenStdin: true, StdinOnce: true, Env: [...variables, ...term] },
    hostConfig: { ...step.hostConfig, ConsoleSize: [size?.rows ?? 0, size?.columns ?? 0] },
  };
}

async function typeInto(attached: AttachStream, inputs: AsyncIterator<ShellInput>, resize: (size: { rows: number; columns: number }) => void): Promise<void> {
  for (let step = await inputs.next(); step.done !== true; step = await inputs.next()) {
    const { data, size, ended } = step.value;
    if (size !== undefined) resize(size);
    if (data.length > 0 && !attached.write(data)) await new Promise<void>((resolve) => attached.once('drain', resolve).once('close', resolve));
    if (ended) attached.end();
  }
}

async function showOutput(attached: AttachStream, stream: ShellStream, terminal: boolean): Promise<void> {
  if (!terminal) return await readOutput(attached, async (from, data) => await stream.send({ stream: from, data }));
  for await (const data of attached as AsyncIterable<Buffer>) await stream.send({ stream: 1, data });
}
