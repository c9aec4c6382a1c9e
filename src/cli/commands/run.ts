/** `run`: create, attach, wait, start, in Docker's order. */
import { ApiError } from '#client/client-error.ts';
import type { Client } from '#client/client.ts';
import { minimumArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand, type Invocation } from '#cli/command.ts';
import { containerFlags } from '#cli/container/container-flags.ts';
import { containerRequest, type ContainerRequest } from '#cli/container/container-request.ts';
import { checkPullPolicy, createContainer, type ContainerInvocation } from '#cli/container/create-container.ts';
import { forwardSignals } from '#cli/container/forward-signals.ts';
import { DetachedByKeys, runStreamSession } from '#cli/container/stream-session.ts';
import { followTerminalSize } from '#cli/container/terminal-size.ts';
import { waitForExit } from '#cli/container/wait-for-exit.ts';
import { completeImages } from '#cli/completion/object-names.ts';
import { errorText } from '#cli/error-text.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';

const flags = {
  ...containerFlags,
  detach: booleanFlag({ short: 'd', text: 'Run container in background and print container ID' }),
  'detach-keys': textFlag({ text: 'Override the key sequence for detaching a container' }),
  pull: textFlag({ text: 'Pull image before running ("always", "missing", "never")', initial: 'missing', candidates: ['always', 'missing', 'never'] }),
  'sig-proxy': booleanFlag({ text: 'Proxy received signals to the process', initial: true }),
} as const;

type RunInvocation = Invocation<typeof flags>;

export const command = defineCommand({
  usage: 'run [OPTIONS] IMAGE [COMMAND] [ARG...]',
  positional: minimumArguments(1),
  interspersed: false,
  flags,
  async run(invocation) {
    const [image = '', ...words] = invocation.arguments;
    const request = withHelp(() => {
      checkPullPolicy(invocation.flags.pull);
      return containerRequest({
        ...invocation, given: invocation.given, image, command: words, configuration: invocation.configuration.file, daemonAddress: invocation.endpoint,
      });
    }, invocation.program);
    return await runContainer(invocation, request);
  },
  complete: (invocation) => (invocation.arguments.length === 0 ? completeImages(invocation) : Promise.resolve([])),
});

async function runContainer(invocation: RunInvocation, request: ContainerRequest): Promise<number> {
  const { client, flags: chosen, stdin, stdout, stderr } = invocation;
  if (!chosen.detach) stdin.requireTerminal(request.AttachStdin, request.Tty);
  else {
    if (chosen.attach.length > 0) throw new CommandFailure('conflicting options: cannot specify both --attach and --detach');
    Object.assign(request, { AttachStdin: false, AttachStdout: false, AttachStderr: false, StdinOnce: false });
  }
  const creating = withHelpLater(() => createContainer(invocation satisfies ContainerInvocation, request, checkPullPolicy(chosen.pull)), invocation.program);
  // Attaching and waiting need a connection each; they are made while the container is.
  if (!chosen.detach) client.transport.prepare(2);
  const id = await creating;
  invocation.takeOverSignals();
  using _forwarding = chosen['sig-proxy'] ? forwardSignals(client, id) : undefined;
  const isAttached = request.AttachStdin || request.AttachStdout || request.AttachStderr;
  if (!isAttached) {
    stdout.writeLine(id);
    try {
      await client.containers.start(id);
    } catch (error) {
      if (chosen.rm) await untilRemoved(client, id);
      throw failureOf(error, invocation.program);
    }
    return 0;
  }
  const detachKeys = chosen['detach-keys'] === '' ? (invocation.configuration.file.detachKeys ?? '') : chosen['detach-keys'];
  const attaching = client.containers.attach(id, { stream: true, stdin: request.AttachStdin, stdout: request.AttachStdout, stderr: request.AttachStderr, detachKeys });
  const waiting = waitForExit(client, id, { removed: chosen.rm });
  using stream = await attaching;
  const session = runStreamSession({
    stream, terminal: request.Tty, detachKeys,
    stdin: request.AttachStdin ? stdin : undefined,
    stdout: request.AttachStdout ? stdout : undefined,
    stderr: request.AttachStderr ? (request.Tty ? stdout : stderr) : undefined,
  });
  // Whoever ends first decides what is awaited of the other, so no failure may count as unhandled meanwhile.
  session.catch(() => {});
  const { code } = await waiting;
  try {
    await client.containers.start(id);
  } catch (error) {
    stream.close();
    await Promise.allSettled([session]);
    if (chosen.rm) await code;
    throw failureOf(error, invocation.program);
  }
  using _size = request.Tty && stdout.isTerminal ? await followTerminalSize(stdout, stderr, (size) => client.containers.resize(id, size)) : undefined;
  return await outcome(session, code, request.AttachStdout || request.AttachStderr);
}

/** The daemon removes what did not start; the user may use its name again at once. */
async function untilRemoved(client: Client, id: string): Promise<void> {
  try {
    await (await client.containers.wait(id, { condition: 'removed' })).result;
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
  }
}

async function outcome(session: Promise<void>, code: Promise<number>, showsOutput: boolean): Promise<number> {
  const exit = code.then(async (value) => {
    // The output may still be on its way when the exit is known.
    if (showsOutput) await Promise.allSettled([session]);
    return value;
  });
  try {
    return await Promise.race([exit, session.then(() => exit)]);
  } catch (error) {
    if (error instanceof DetachedByKeys) return 0;
    throw error;
  }
}

function withHelp<T>(work: () => T, program: string): T {
  try {
    return work();
  } catch (error) {
    throw new CommandFailure(helpText(error, program), 125, error);
  }
}

async function withHelpLater<T>(work: () => Promise<T>, program: string): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failureOf(error, program);
  }
}

/** 127: what to run is not there; 126: it cannot be run; 125: the daemon refused. */
function failureOf(error: unknown, program: string): unknown {
  if (error instanceof Error && error.name === 'Terminated') return error;
  const text = errorText(error);
  const code = /executable file not found|no such file or directory|system cannot find the file specified/.test(text) ? 127 : /permission denied|is a directory/.test(text) ? 126 : 125;
  return new CommandFailure(helpText(error, program), code, error);
}

function helpText(error: unknown, program: string): string {
  return `${program}: ${errorText(error)}\n\nRun '${program} run --help' for more information`;
}
