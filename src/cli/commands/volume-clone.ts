/** `volume clone`. */
import { exactArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { completeVolumes } from '#cli/completion/object-names.ts';

export const command = defineCommand({
  usage: 'clone VOLUME NEW_VOLUME',
  positional: exactArguments(2),
  flags: {},
  async run({ client, arguments: [source = '', target = ''], stdout, signal }) {
    stdout.writeLine((await client.volumes.clone(source, { Name: target }, signal)).Name);
    return 0;
  },
  complete: completeVolumes,
});
