/** The exec endpoints' use cases: a further process in a running container. */
import type { Duplex } from 'node:stream';
import { EngineError, fail, isFailure } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import type { AttachOptions, AttachStream, ShimProcess } from '#runtime/contract.ts';
import { ClientChoice, joinClient } from '../containers/attach-client.ts';
import { commandText, publishContainerEvent } from '../containers/container-events.ts';
import { liveLinks, withLinkVariables } from '../containers/container-links.ts';
import type { ContainerRecord } from '../containers/container-record.ts';
import { isRunning } from '../containers/container-state.ts';
import { defaultDetachKeys, parseDetachKeys } from '../containers/detach-keys.ts';
import type { EngineParts } from '../containers/engine-parts.ts';
import { describeExecFailure } from '../containers/start-failure.ts';
import type { ExecUseCases } from '../contract.ts';
import type { Exec, ExecRegistry, HandedExec } from './exec-registry.ts';

const never = new AbortController().signal;

/** What outlives the daemon that started it. */
export interface ExecHandover {
  handOver(): Promise<HandedExec[]>;
  /** Takes up the execs of the daemon before: those of containers that are still there. */
  takeUp(handed: readonly HandedExec[]): Promise<void>;
}

export function execUseCases(parts: EngineParts, execs: ExecRegistry): ExecUseCases & ExecHandover {
  const { registry, live, events } = parts;

  /** The container an exec may run in. @throws container.not_running, container.exec_paused */
  const requireRunning = (reference: string): ContainerRecord => {
    const record = registry.resolve(reference);
    if (record.state.status === 'restarting') throw fail('container.restarting', { id: record.id });
    if (!isRunning(record.state)) throw fail('container.not_running', { id: record.id });
    if (record.state.status === 'paused') throw fail('container.exec_paused', { name: reference });
    return record;
  };

  const checkUser = async (record: ContainerRecord, user: string): Promise<void> => {
    const rootfs = await parts.snapshotter.mount(record.id);
    try {
      parts.runtime.checkUser(rootfs, user);
    } catch (error) {
      if (!isFailure(error, 'runtime.user_not_found') && !isFailure(error, 'runtime.group_not_found') && !isFailure(error, 'runtime.identifier_out_of_range')) throw error;
      throw fail('exec.user_invalid', { message: error.message }, error);
    }
  };

  const watch = (exec: Exec, record: ContainerRecord, process: ShimProcess): void => {
    exec.process = process;
    exec.pid = process.pid;
    void process.exited.then(({ exitCode }) => {
      exec.state = 'ended';
      exec.exitCode = exitCode;
      exec.process = undefined;
      live.of(record.id).execs.delete(exec.id);
      publishContainerEvent(events, registry.get(record.id) ?? record, 'exec_die', { execID: exec.id, exitCode: String(exitCode) });
    });
  };

  const takeUpOne = async (handed: HandedExec): Promise<void> => {
    const record = registry.get(handed.containerId);
    if (record === undefined) return;
    const exec: Exec = { id: handed.id, containerId: handed.containerId, request: handed.request, state: handed.state, process: undefined, exitCode: handed.exitCode, pid: handed.pid };
    execs.add(exec);
    if (handed.state !== 'running') return;
    const outcome = await parts.launcher.adopt({
      containerId: handed.containerId, execId: handed.id, pid: handed.pid, shimPid: handed.shimPid,
      runDirectory: parts.paths.runDirectory(handed.id), stateDirectory: parts.paths.containerDirectory(handed.containerId),
    });
    if ('exited' in outcome) {
      live.of(record.id).execs.add(exec.id);
      watch(exec, record, outcome);
      return;
    }
    exec.state = 'ended';
    exec.exitCode = outcome.exitCode;
    publishContainerEvent(events, record, 'exec_die', { execID: exec.id, exitCode: String(outcome.exitCode) });
  };

  /** Starts the process; the clients are there before its first output. */
  const launch = async (exec: Exec, attachments: readonly AttachOptions[]): Promise<readonly AttachStream[]> => {
    const record = requireRunning(exec.containerId);
    const linked = withLinkVariables(record, registry);
    exec.state = 'running';
    const container = live.of(record.id);
    const [path = '', ...args] = exec.request.Cmd ?? [];
    publishContainerEvent(events, record, `exec_start: ${commandText([path, ...args])}`, { execID: exec.id });
    try {
      if (!/^(\/|$)/.test(exec.request.WorkingDir)) throw fail('exec.start_failed', { message: 'OCI runtime exec failed: exec failed: Cwd must be an absolute path' });
      const rootfs = await parts.snapshotter.mount(record.id);
      const options = await parts.runtime.prepareExec(linked, rootfs, exec.id, exec.request);
      const process = await parts.launcher.launch({ ...options, attachments }, never);
      watch(exec, record, process);
      return process.attached;
    } catch (error) {
      const failure = describeExecFailure(error, { path, workingDirectory: exec.request.WorkingDir });
      exec.state = 'ended';
      exec.exitCode = failure.exitCode;
      container.execs.delete(exec.id);
      throw failure.error;
    }
  };

  const requireNew = (id: string): Exec => {
    const exec = execs.require(id);
    if (exec.state === 'running') throw fail('exec.already_running', { id });
    if (exec.state === 'ended') throw fail('exec.already_run', { id });
    return exec;
  };

  return {
    handOver: async () => execs.handOver(),
    takeUp: async (handed) => void (await Promise.all(handed.map(takeUpOne))),

    async create(reference, request) {
      if (request.Cmd === null || request.Cmd.length === 0) throw fail('exec.no_command');
      const record = requireRunning(reference);
      liveLinks(record, registry);
      if (request.User !== '') await checkUser(record, request.User);
      if (request.DetachKeys !== '') checkDetachKeys(request.DetachKeys);
      const id = newIdentifier();
      live.of(record.id).execs.add(id);
      execs.add({ id, containerId: record.id, request, state: 'created', process: undefined, exitCode: undefined, pid: 0 });
      publishContainerEvent(events, record, `exec_create: ${commandText(request.Cmd)}`, { execID: id });
      return { Id: id };
    },

    async startDetached(id) {
      const exec = requireNew(id);
      await execs.launching(launch(exec, []));
    },

    async startAttached(id, request) {
      const exec = execs.require(id);
      requireRunning(exec.containerId);
      const terminal = exec.request.Tty;
      const keys = exec.request.DetachKeys === '' ? defaultDetachKeys : exec.request.DetachKeys;
      const detachKeys = terminal && exec.request.AttachStdin ? parseDetachKeys(keys) : undefined;
      const choice = { stdin: exec.request.AttachStdin, stdout: exec.request.AttachStdout, stderr: exec.request.AttachStderr };
      const join = async (client: Duplex, signal: AbortSignal): Promise<void> => {
        // The connection is the client's already: like Docker, errors go into the stream.
        let stream: AttachStream | undefined;
        const place = new ClientChoice(choice, client, detachKeys);
        try {
          requireNew(id);
          if (request.consoleSize !== undefined) exec.request.ConsoleSize = [request.consoleSize.rows, request.consoleSize.columns];
          [stream] = await execs.launching(launch(exec, [place]));
        } catch (error) {
          place.connection?.wake();
          if (!(error instanceof EngineError)) throw error;
          client.end(terminal ? `${error.message}\r\n` : framed(`${error.message}\r\n`));
          return;
        }
        if (stream === undefined) {
          place.connection?.wake();
          client.end();
          return;
        }
        const outcome = await joinClient(stream, client, { stdin: choice.stdin, detachKeys, signal, connection: place.connection, ...(exec.process !== undefined && { beforeEnd: exec.process.exited }) });
        if (outcome === 'detached') {
          const record = registry.get(exec.containerId);
          if (record !== undefined) publishContainerEvent(events, record, 'exec_detach', { execID: id });
        }
      };
      return { terminal, join };
    },

    async inspect(id) {
      const exec = execs.require(id);
      const [entrypoint = '', ...rest] = exec.request.Cmd ?? [];
      return {
        ID: id,
        Running: exec.state === 'running',
        ExitCode: exec.exitCode ?? null,
        ProcessConfig: {
          tty: exec.request.Tty,
          entrypoint,
          arguments: rest,
          privileged: exec.request.Privileged,
          ...(exec.request.User !== '' && { user: exec.request.User }),
        },
        OpenStdin: exec.request.AttachStdin,
        OpenStderr: exec.request.AttachStderr,
        OpenStdout: exec.request.AttachStdout,
        CanRemove: execs.canBeForgotten(id),
        ContainerID: exec.containerId,
        DetachKeys: exec.request.DetachKeys === '' ? '' : Buffer.from(parseDetachKeys(exec.request.DetachKeys)).toString('base64'),
        Pid: exec.pid,
      };
    },

    async resize(id, size) {
      const exec = execs.require(id);
      if (exec.process === undefined) throw fail('exec.not_running', { id });
      exec.process.resize(size);
    },
  };
}

/** A message of the engine as a frame of standard output, as Docker sends it. */
function framed(text: string): Buffer {
  const body = Buffer.from(text);
  const frame = Buffer.alloc(8 + body.length);
  frame.writeUInt8(1, 0);
  frame.writeUInt32BE(body.length, 4);
  body.copy(frame, 8);
  return frame;
}

/** Docker answers 500 here, and 400 where a client attaches. @throws exec.detach_keys_invalid */
function checkDetachKeys(keys: string): void {
  try {
    parseDetachKeys(keys);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw fail('exec.detach_keys_invalid', { message: error.message }, error);
  }
}
