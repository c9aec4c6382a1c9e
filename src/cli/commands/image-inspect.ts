/** `image inspect`. */
import { minimumArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { textFlag } from '#cli/flags/scalar-flags.ts';
import { inspectFormatText } from '#cli/format/format-texts.ts';
import { findImage } from '#cli/format/find-object.ts';
import { inspectObjects } from '#cli/format/inspect-objects.ts';
import { parsePlatform, platformFlagText } from '#cli/format/platform-text.ts';

export const command = defineCommand({
  usage: 'inspect [OPTIONS] IMAGE [IMAGE...]',
  positional: minimumArguments(1),
  flags: {
    format: textFlag({ short: 'f', text: inspectFormatText }),
    platform: textFlag({ text: platformFlagText, requires: { version: '1.49' } }),
  },
  async run({ client, flags, arguments: references, stdout, signal }) {
    const source = { transport: client.transport, signal };
    const platform = parsePlatform(flags.platform, '');
    return await inspectObjects({
      references, format: flags.format, stdout, find: (reference) => findImage(source, reference, platform),
    });
  },
});
