/** `top`: the processes of a container, as the host's ps shows them. */
import { minimumArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { alignColumns } from '#cli/format/align-columns.ts';

export const command = defineCommand({
  usage: 'top CONTAINER [ps OPTIONS]',
  positional: minimumArguments(1),
  flags: {},
  interspersed: false,
  async run({ client, arguments: [container = '', ...options], stdout, signal }) {
    const { Titles: titles, Processes: processes } = await client.containers.top(container, options, signal);
    const lines = [titles, ...processes ?? []].map((cells) => `${cells.join('\t')}\n`);
    stdout.write(alignColumns(lines.join(''), { minimumWidth: 20, padding: 3 }));
    return 0;
  },
});
