/** `kill`. */
import { minimumArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { completeContainers } from '#cli/completion/object-names.ts';
import { signalNames } from '#cli/completion/signal-names.ts';
import { eachArgument } from '#cli/each-argument.ts';
import { textFlag } from '#cli/flags/scalar-flags.ts';

export const command = defineCommand({
  usage: 'kill [OPTIONS] CONTAINER [CONTAINER...]',
  positional: minimumArguments(1),
  flags: { signal: textFlag({ short: 's', text: 'Signal to send to the container', candidates: signalNames }) },
  run: ({ client, arguments: containers, flags, stdout, signal }) =>
    eachArgument(containers, (container) => client.containers.kill(container, flags.signal, signal), { stdout, signal, parallel: 50 }),
  complete: (invocation) => completeContainers(invocation, { all: false }),
});
