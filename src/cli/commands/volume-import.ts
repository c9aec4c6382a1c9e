/** `volume import`. */
import { exactArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { openInput } from '#cli/format/open-input.ts';

export const command = defineCommand({
  usage: 'import NEW_VOLUME file|-',
  description: 'Make a volume of a tar archive, which may be compressed by gzip or zstd',
  positional: exactArguments(2),
  flags: {},
  async run({ client, arguments: [volume = '', source = ''], stdin, stdout, signal }) {
    const archive = source === '-' ? stdin.stream : await openInput(source);
    stdout.writeLine((await client.volumes.import(volume, archive, signal)).Name);
    return 0;
  },
});
