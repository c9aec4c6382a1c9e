/** `exec`: one more process in a running container. */
import { ConnectionError } from '#client/client-error.ts';
import type { Client } from '#client/client.ts';
import { minimumArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand, type Invocation } from '#cli/command.ts';
import { completeContainers } from '#cli/completion/object-names.ts';
import { runStreamSession } from '#cli/container/stream-session.ts';
import { followTerminalSize } from '#cli/container/terminal-size.ts';
import { listFlag } from '#cli/flags/list-flags.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { validateVariable } from '#cli/flags/validators.ts';
import { readKeyValueFile } from '#cli/key-value-file.ts';

const flags = {
  detach: booleanFlag({ short: 'd', text: 'Detached mode: run command in the background' }),
  'detach-keys': textFlag({ text: 'Override the key sequence for detaching a container' }),
  env: listFlag({ short: 'e', text: 'Set environment variables', validate: validateVariable, candidates: 'variables' }),
  'env-file': listFlag({ text: 'Read in a file of environment variables', candidates: 'files' }),
  interactive: booleanFlag({ short: 'i', text: 'Keep STDIN open even if not attached' }),
  privileged: booleanFlag({ text: 'Give extended privileges to the command' }),
  tty: booleanFlag({ short: 't', text: 'Allocate a pseudo-TTY' }),
  user: textFlag({ short: 'u', text: 'Username or UID (format: "<name|uid>[:<group|gid>]")' }),
  workdir: textFlag({ short: 'w', text: 'Working directory inside the container' }),
} as const;

export const command = defineCommand({
  usage: 'exec [OPTIONS] CONTAINER COMMAND [ARG...]',
  positional: minimumArguments(2),
  interspersed: false,
  flags,
  async run(invocation) {
    const { client, arguments: [container = '', ...words], flags: chosen, environment, stdin, stdout, signal } = invocation;
    // The streams take a connection of their own.
    if (!chosen.detach) client.transport.prepare(1);
    const variables = [...chosen['env-file'].flatMap((path) => readKeyValueFile(path, (key) => environment[key])), ...chosen.env];
    const attachStdin = chosen.interactive && !chosen.detach;
    // Refused before anything is made in the daemon; that the container exists is told first.
    if (attachStdin && chosen.tty) {
      await client.containers.inspect(container, { signal });
      stdin.requireTerminal(true, true);
    }
    const { rows, columns } = stdout.size;
    const size = chosen.tty ? { ConsoleSize: [rows, columns] as [number, number] } : {};
    const detachKeys = chosen['detach-keys'] === '' ? (invocation.configuration.file.detachKeys ?? '') : chosen['detach-keys'];
    const { Id: id } = await client.execs.create(container, {
      User: chosen.user,
      Privileged: chosen.privileged,
      Tty: chosen.tty,
      ...size,
      AttachStdin: attachStdin,
      AttachStderr: !chosen.detach,
      AttachStdout: !chosen.detach,
      Detach: chosen.detach,
      DetachKeys: detachKeys,
      Env: variables.length === 0 ? null : variables,
      WorkingDir: chosen.workdir,
      Cmd: words,
    }, signal);
    if (id === '') throw new CommandFailure('exec ID empty');
    const start = { Tty: chosen.tty, ...size };
    if (chosen.detach) {
      await client.execs.startDetached(id, start, signal);
      return 0;
    }
    return await runAttached(invocation, id, { start, attachStdin, detachKeys });
  },
  complete: (invocation) => (invocation.arguments.length > 0 ? Promise.resolve([]) : completeContainers(invocation, { all: false, only: ({ State }) => State !== 'paused' })),
});

interface AttachedExec {
  readonly start: { readonly Tty: boolean; readonly ConsoleSize?: readonly [number, number] };
  readonly attachStdin: boolean;
  readonly detachKeys: string;
}

async function runAttached(invocation: Invocation<typeof flags>, id: string, { start, attachStdin, detachKeys }: AttachedExec): Promise<number> {
  const { client, stdin, stdout, stderr, signal } = invocation;
  using stream = await client.execs.startAttached(id, start, signal);
  const session = runStreamSession({ stream, terminal: start.Tty, detachKeys, stdin: attachStdin ? stdin : undefined, stdout, stderr: start.Tty ? stdout : stderr });
  session.catch(() => {});
  using _size = start.Tty && stdin.isTerminal ? await followTerminalSize(stdout, stderr, (size) => client.execs.resize(id, size)) : undefined;
  await session;
  return await exitCodeOf(client, id);
}

async function exitCodeOf(client: Client, id: string): Promise<number> {
  try {
    return (await client.execs.inspect(id)).ExitCode ?? 0;
  } catch (error) {
    // The daemon is gone: as Docker's -1, whose low byte is the exit code.
    if (error instanceof ConnectionError) return 255;
    throw error;
  }
}
