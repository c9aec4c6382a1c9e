/** `diff` and `container diff`. */
import { exactArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';

const letters = ['C', 'A', 'D'] as const;

export const command = defineCommand({
  usage: 'diff CONTAINER',
  positional: exactArguments(1),
  flags: {},
  async run({ client, arguments: [container = ''], stdout, signal }) {
    const changes = (await client.archives.changes(container, signal)) ?? [];
    stdout.write(changes.map(({ Kind, Path }) => `${letters[Kind]} ${Path}\n`).join(''));
    return 0;
  },
});
