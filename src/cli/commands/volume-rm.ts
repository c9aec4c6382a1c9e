/** `volume rm`. */
import { minimumArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { completeVolumes } from '#cli/completion/object-names.ts';
import { eachArgument } from '#cli/each-argument.ts';
import { booleanFlag } from '#cli/flags/scalar-flags.ts';

export const command = defineCommand({
  usage: 'rm [OPTIONS] VOLUME [VOLUME...]',
  description: 'Remove one or more volumes. You cannot remove a volume that is in use by a container.',
  positional: minimumArguments(1),
  flags: { force: booleanFlag({ short: 'f', text: 'Force the removal of one or more volumes', requires: { version: '1.25' } }) },
  run: ({ client, arguments: names, flags, stdout, signal }) =>
    eachArgument(names, (name) => client.volumes.remove(name, { force: flags.force, signal }), { stdout, signal, parallel: 1 }),
  complete: completeVolumes,
});
