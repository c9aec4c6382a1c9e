/** `pause`. */
import { minimumArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { completeContainers } from '#cli/completion/object-names.ts';
import { eachArgument } from '#cli/each-argument.ts';

export const command = defineCommand({
  usage: 'pause CONTAINER [CONTAINER...]',
  positional: minimumArguments(1),
  flags: {},
  run: ({ client, arguments: containers, stdout, signal }) =>
    eachArgument(containers, (container) => client.containers.pause(container, signal), { stdout, signal, parallel: 50 }),
  complete: (invocation) => completeContainers(invocation, { all: false, only: ({ State }) => State !== 'paused' }),
});
