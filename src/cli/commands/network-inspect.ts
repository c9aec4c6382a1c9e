/** `network inspect`. */
import { minimumArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { inspectFormatText } from '#cli/format/format-texts.ts';
import { findNetwork } from '#cli/format/find-object.ts';
import { inspectObjects } from '#cli/format/inspect-objects.ts';

export const command = defineCommand({
  usage: 'inspect [OPTIONS] NETWORK [NETWORK...]',
  positional: minimumArguments(1),
  flags: {
    format: textFlag({ short: 'f', text: inspectFormatText }),
    verbose: booleanFlag({ short: 'v', text: 'Verbose output for diagnostics' }),
  },
  async run({ client, flags, arguments: references, stdout, signal }) {
    const source = { transport: client.transport, signal };
    return await inspectObjects({
      references, format: flags.format, stdout, find: (reference) => findNetwork(source, reference, { verbose: flags.verbose }),
    });
  },
});
