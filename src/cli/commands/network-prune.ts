/** `network prune`. */
import { noArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { mayPrune, pruneFlags } from '#cli/prune/prune-command.ts';
import { pruneFilters } from '#cli/prune/prune-filters.ts';
import { pruneNetworks } from '#cli/prune/prune-objects.ts';

export const command = defineCommand({
  usage: 'prune [OPTIONS]',
  positional: noArguments,
  flags: pruneFlags('until=<timestamp>'),
  async run(invocation) {
    const { client, flags, configuration, stdout, signal } = invocation;
    const filters = pruneFilters(flags.filter, configuration.file);
    if (!(await mayPrune(invocation, 'This will remove all custom networks not used by at least one container.\n'))) return 0;
    const { text } = await pruneNetworks(client, filters, signal);
    if (text !== '') stdout.writeLine(text);
    return 0;
  },
});
