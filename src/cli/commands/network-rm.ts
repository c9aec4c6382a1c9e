/** `network rm`. */
import { ApiError } from '#client/client-error.ts';
import { minimumArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { completeNetworks } from '#cli/completion/object-names.ts';
import { errorText } from '#cli/error-text.ts';
import { booleanFlag } from '#cli/flags/scalar-flags.ts';

export const command = defineCommand({
  usage: 'rm NETWORK [NETWORK...]',
  positional: minimumArguments(1),
  flags: {
    force: booleanFlag({ short: 'f', text: 'Do not error if the network does not exist' }),
  },
  async run({ client, arguments: networks, flags, stdout, stderr, signal }) {
    let failed = false;
    for (const network of networks) {
      try {
        await client.networks.remove(network, signal);
        stdout.writeLine(network);
      } catch (error) {
        if (signal.aborted) throw error;
        if (flags.force && error instanceof ApiError && error.status === 404) continue;
        stderr.writeLine(errorText(error));
        failed = true;
      }
    }
    if (failed) throw new CommandFailure('exit status 1');
    return 0;
  },
  complete: completeNetworks,
});
