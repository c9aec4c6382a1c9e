/** `container prune`. */
import { noArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { mayPrune, pruneFlags, pruneInTurn } from '#cli/prune/prune-command.ts';
import { pruneFilters } from '#cli/prune/prune-filters.ts';
import { pruneContainers } from '#cli/prune/prune-objects.ts';

export const command = defineCommand({
  usage: 'prune [OPTIONS]',
  positional: noArguments,
  flags: pruneFlags('until=<timestamp>'),
  async run(invocation) {
    const { client, flags, configuration, signal } = invocation;
    const filters = pruneFilters(flags.filter, configuration.file);
    if (!(await mayPrune(invocation, 'This will remove all stopped containers.\n'))) return 0;
    return await pruneInTurn(invocation, [() => pruneContainers(client, filters, signal)]);
  },
});
