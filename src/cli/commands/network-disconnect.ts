/** `network disconnect`. */
import { exactArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { completeContainers, completeNetworks } from '#cli/completion/object-names.ts';
import { booleanFlag } from '#cli/flags/scalar-flags.ts';

export const command = defineCommand({
  usage: 'disconnect [OPTIONS] NETWORK CONTAINER',
  positional: exactArguments(2),
  flags: {
    force: booleanFlag({ short: 'f', text: 'Force the container to disconnect from a network' }),
  },
  async run({ client, flags, arguments: [network = '', container = ''], signal }) {
    await client.networks.disconnect(network, { Container: container, Force: flags.force }, signal);
    return 0;
  },
  complete: (invocation) => (invocation.arguments.length === 0 ? completeNetworks(invocation) : completeContainers(invocation, { all: true })),
});
