/** `volume diff`. */
import { exactArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { completeVolumes } from '#cli/completion/object-names.ts';

const letters = ['C', 'A', 'D'] as const;

export const command = defineCommand({
  usage: 'diff BASE_VOLUME VOLUME',
  description: 'Show what was added (A), changed (C) and deleted (D) to make a volume of another, such as of its snapshot',
  positional: exactArguments(2),
  flags: {},
  async run({ client, arguments: [base = '', volume = ''], stdout, signal }) {
    for (const { Kind, Path } of await client.volumes.diff(volume, base, signal)) stdout.writeLine(`${letters[Kind]} ${Path}`);
    return 0;
  },
  complete: completeVolumes,
});
