/** `volume inspect`. */
import { minimumArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { completeVolumes } from '#cli/completion/object-names.ts';
import { textFlag } from '#cli/flags/scalar-flags.ts';
import { inspectFormatText } from '#cli/format/format-texts.ts';
import { findVolume } from '#cli/format/find-object.ts';
import { inspectObjects } from '#cli/format/inspect-objects.ts';

export const command = defineCommand({
  usage: 'inspect [OPTIONS] VOLUME [VOLUME...]',
  positional: minimumArguments(1),
  flags: { format: textFlag({ short: 'f', text: inspectFormatText }) },
  async run({ client, flags, arguments: references, stdout, signal }) {
    const source = { transport: client.transport, signal };
    return await inspectObjects({ references, format: flags.format, stdout, find: async (reference) => ({ ...(await findVolume(source, reference)), isWhole: true }) });
  },
  complete: completeVolumes,
});
