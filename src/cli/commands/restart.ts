/** `restart`. */
import { minimumArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { completeContainers } from '#cli/completion/object-names.ts';
import { stopFlags, timeoutOf } from '#cli/container/stop-flags.ts';
import { eachArgument } from '#cli/each-argument.ts';

export const command = defineCommand({
  usage: 'restart [OPTIONS] CONTAINER [CONTAINER...]',
  positional: minimumArguments(1),
  flags: stopFlags,
  async run({ client, arguments: containers, flags, given, stdout, signal }) {
    const timeout = timeoutOf(flags, given);
    return await eachArgument(containers, (container) => client.containers.restart(container, { signalName: flags.signal, ...timeout, signal }), { stdout, signal, parallel: 1 });
  },
  complete: (invocation) => completeContainers(invocation, { all: true }),
});
