/** `volume snapshot`. */
import { rangeOfArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { completeVolumes } from '#cli/completion/object-names.ts';

export const command = defineCommand({
  usage: 'snapshot VOLUME [NEW_VOLUME]',
  description: 'Keep a copy of a volume as it is now. Without a name the copy is called after the volume and the time.',
  positional: rangeOfArguments(1, 2),
  flags: {},
  async run({ client, arguments: [source = '', target = ''], stdout, signal }) {
    stdout.writeLine((await client.volumes.clone(source, { Name: target, Snapshot: true }, signal)).Name);
    return 0;
  },
  complete: completeVolumes,
});
