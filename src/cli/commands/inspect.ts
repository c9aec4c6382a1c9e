/** `inspect`: objects of any kind. */
import { minimumArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { inspectFormatText } from '#cli/format/format-texts.ts';
import { chosenKind, findObject } from '#cli/format/find-object.ts';
import { inspectObjects } from '#cli/format/inspect-objects.ts';

export const command = defineCommand({
  usage: 'inspect [OPTIONS] NAME|ID [NAME|ID...]',
  positional: minimumArguments(1),
  flags: {
    format: textFlag({ short: 'f', text: inspectFormatText }),
    size: booleanFlag({ short: 's', text: 'Display total file sizes if the type is container' }),
    type: textFlag({ text: 'Only inspect objects of the given type' }),
  },
  async run({ client, flags, given, arguments: references, stdout, stderr, signal }) {
    const kind = chosenKind(flags.type, given('type'));
    const source = { transport: client.transport, signal };
    return await inspectObjects({
      references, format: flags.format, stdout,
      find: (reference) => findObject(source, reference, { kind, size: flags.size, stderr }),
    });
  },
});
