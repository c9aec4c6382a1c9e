/** `container inspect`. */
import { minimumArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { inspectFormatText } from '#cli/format/format-texts.ts';
import { findContainer } from '#cli/format/find-object.ts';
import { inspectObjects } from '#cli/format/inspect-objects.ts';

export const command = defineCommand({
  usage: 'inspect [OPTIONS] CONTAINER [CONTAINER...]',
  positional: minimumArguments(1),
  flags: {
    format: textFlag({ short: 'f', text: inspectFormatText }),
    size: booleanFlag({ short: 's', text: 'Display total file sizes' }),
  },
  async run({ client, flags, arguments: references, stdout, signal }) {
    const source = { transport: client.transport, signal };
    return await inspectObjects({
      references, format: flags.format, stdout, find: (reference) => findContainer(source, reference, flags.size),
    });
  },
});
