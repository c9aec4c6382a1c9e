/** `attach`: our streams joined to those of a running container. */
import { exactArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { completeContainers } from '#cli/completion/object-names.ts';
import { forwardSignals } from '#cli/container/forward-signals.ts';
import { runStreamSession } from '#cli/container/stream-session.ts';
import { followTerminalSize } from '#cli/container/terminal-size.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import type { Client } from '#client/client.ts';
import type { ContainerInspect } from '#schema/container-config.ts';

export const command = defineCommand({
  usage: 'attach [OPTIONS] CONTAINER',
  positional: exactArguments(1),
  flags: {
    'detach-keys': textFlag({ text: 'Override the key sequence for detaching a container' }),
    'no-stdin': booleanFlag({ text: 'Do not attach STDIN' }),
    'sig-proxy': booleanFlag({ text: 'Proxy all received signals to the process', initial: true }),
  },
  async run(invocation) {
    const { client, arguments: [reference = ''], flags, stdin, stdout, stderr } = invocation;
    // The wait begins first, so that an exit right after the check below is not missed.
    const waiting = client.containers.wait(reference);
    waiting.catch(() => {});
    const { Config: config } = await runningContainer(client, reference);
    stdin.requireTerminal(!flags['no-stdin'], config.Tty);
    const detachKeys = flags['detach-keys'] === '' ? (invocation.configuration.file.detachKeys ?? '') : flags['detach-keys'];
    const takesInput = !flags['no-stdin'] && config.OpenStdin;
    if (!config.Tty) invocation.takeOverSignals();
    using _forwarding = flags['sig-proxy'] && !config.Tty ? forwardSignals(client, reference) : undefined;
    using stream = await client.containers.attach(reference, { stream: true, stdin: takesInput, stdout: true, stderr: true, detachKeys });
    // It may have ended since, and then nothing would ever come.
    await runningContainer(client, reference);
    using _size = config.Tty && stdout.isTerminal ? await redrawAndFollow(client, reference, invocation) : undefined;
    await runStreamSession({ stream, terminal: config.Tty, detachKeys, stdin: takesInput ? stdin : undefined, stdout, stderr });
    const result = await (await waiting).result;
    if (result.Error !== undefined && result.Error !== null) throw new CommandFailure(result.Error.Message);
    return result.StatusCode;
  },
  complete: (invocation) => completeContainers(invocation, { all: false, only: ({ State }) => State !== 'paused' }),
});

async function runningContainer(client: Client, reference: string): Promise<ContainerInspect> {
  const container = await client.containers.inspect(reference);
  const { State: state } = container;
  if (!state.Running) throw new CommandFailure('You cannot attach to a stopped container, start it first');
  if (state.Paused) throw new CommandFailure('You cannot attach to a paused container, unpause it first');
  if (state.Restarting) throw new CommandFailure('You cannot attach to a restarting container, wait until it is running');
  return container;
}

/** A size that differs for a moment makes programs draw their screen, or their prompt, anew. */
async function redrawAndFollow(client: Client, reference: string, { stdout, stderr }: Pick<Parameters<NonNullable<typeof command.run>>[0], 'stdout' | 'stderr'>): Promise<Disposable> {
  const resize = (size: { rows: number; columns: number }): Promise<void> => client.containers.resize(reference, size);
  const { rows, columns } = stdout.size;
  await resize({ rows: rows + 1, columns: columns + 1 });
  return await followTerminalSize(stdout, stderr, resize);
}
