/** `start`: any number of containers, or one with its streams. */
import { minimumArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand, type Invocation } from '#cli/command.ts';
import { completeContainers } from '#cli/completion/object-names.ts';
import { forwardSignals } from '#cli/container/forward-signals.ts';
import { DetachedByKeys, runStreamSession } from '#cli/container/stream-session.ts';
import { followTerminalSize } from '#cli/container/terminal-size.ts';
import { waitForExit } from '#cli/container/wait-for-exit.ts';
import { errorText } from '#cli/error-text.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';

const experimental = { experimental: true, system: 'linux' } as const;

const flags = {
  attach: booleanFlag({ short: 'a', text: 'Attach STDOUT/STDERR and forward signals' }),
  checkpoint: textFlag({ text: 'Restore from this checkpoint', requires: experimental }),
  'checkpoint-dir': textFlag({ text: 'Use a custom checkpoint storage directory', requires: experimental }),
  'detach-keys': textFlag({ text: 'Override the key sequence for detaching a container' }),
  interactive: booleanFlag({ short: 'i', text: "Attach container's STDIN" }),
} as const;

export const command = defineCommand({
  usage: 'start [OPTIONS] CONTAINER [CONTAINER...]',
  positional: minimumArguments(1),
  flags,
  async run(invocation) {
    const { client, arguments: containers, flags: chosen, signal } = invocation;
    const [first = '', second] = containers;
    if (chosen.attach || chosen.interactive) {
      if (second !== undefined) throw new CommandFailure('you cannot start and attach multiple containers at once');
      return await startAttached(invocation, first);
    }
    if (chosen.checkpoint !== '') {
      if (second !== undefined) throw new CommandFailure('you cannot restore multiple containers at once');
      await client.containers.start(first, { checkpoint: chosen.checkpoint, checkpointDirectory: chosen['checkpoint-dir'], signal });
      return 0;
    }
    return await startAll(invocation);
  },
  complete: (invocation) => completeContainers(invocation, { all: true, only: ({ State }) => State === 'exited' || State === 'created' }),
});

async function startAll({ client, arguments: containers, stdout, stderr, signal }: Invocation<typeof flags>): Promise<number> {
  const failed: string[] = [];
  for (const container of containers) {
    try {
      await client.containers.start(container, { signal });
      stdout.writeLine(container);
    } catch (error) {
      if (signal.aborted) throw error;
      stderr.writeLine(errorText(error));
      failed.push(container);
    }
  }
  if (failed.length > 0) throw new CommandFailure(`Error: failed to start containers: ${failed.join(', ')}`);
  return 0;
}

async function startAttached(invocation: Invocation<typeof flags>, reference: string): Promise<number> {
  const { client, flags: chosen, stdin, stdout, stderr, signal } = invocation;
  const container = await client.containers.inspect(reference, { signal });
  const { Id: id, Config: config } = container;
  invocation.takeOverSignals();
  using _forwarding = config.Tty ? undefined : forwardSignals(client, id);
  const detachKeys = chosen['detach-keys'] === '' ? (invocation.configuration.file.detachKeys ?? '') : chosen['detach-keys'];
  const takesInput = chosen.interactive && config.OpenStdin;
  const attaching = client.containers.attach(id, { stream: true, stdin: takesInput, stdout: true, stderr: true, detachKeys });
  const waiting = waitForExit(client, id, { removed: container.HostConfig.AutoRemove });
  using stream = await attaching;
  const session = runStreamSession({ stream, terminal: config.Tty, detachKeys, stdin: takesInput ? stdin : undefined, stdout, stderr });
  session.catch(() => {});
  const { code } = await waiting;
  try {
    await client.containers.start(id, { checkpoint: chosen.checkpoint, checkpointDirectory: chosen['checkpoint-dir'] });
  } catch (error) {
    stream.close();
    await Promise.allSettled([session]);
    if (container.HostConfig.AutoRemove) await code;
    throw error;
  }
  using _size = config.Tty && stdout.isTerminal ? await followTerminalSize(stdout, stderr, (size) => client.containers.resize(id, size)) : undefined;
  try {
    await session;
  } catch (error) {
    if (error instanceof DetachedByKeys) return 0;
    throw error;
  }
  return await code;
}
