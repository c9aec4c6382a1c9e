/** `volume prune`. */
import { noArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { booleanFlag } from '#cli/flags/scalar-flags.ts';
import { mayPrune, pruneFlags, pruneInTurn } from '#cli/prune/prune-command.ts';
import { pruneFilters } from '#cli/prune/prune-filters.ts';
import { pruneVolumes } from '#cli/prune/prune-objects.ts';

export const command = defineCommand({
  usage: 'prune [OPTIONS]',
  positional: noArguments,
  flags: {
    all: booleanFlag({ short: 'a', text: 'Remove all unused volumes, not just anonymous ones', requires: { version: '1.42' } }),
    ...pruneFlags('label=<label>'),
  },
  async run(invocation) {
    const { client, flags, configuration, signal } = invocation;
    const chosen = pruneFilters(flags.filter, configuration.file);
    if (flags.all && chosen['all'] !== undefined) throw new CommandFailure('conflicting options: cannot specify both --all and --filter all=1');
    const filters = flags.all ? { ...chosen, all: ['true'] } : chosen;
    const lost = flags.all ? 'all local volumes' : 'anonymous local volumes';
    if (!(await mayPrune(invocation, `This will remove ${lost} not used by at least one container.\n`))) return 0;
    return await pruneInTurn(invocation, [() => pruneVolumes(client, filters, signal)]);
  },
});
