/** `image prune`. */
import { noArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { booleanFlag } from '#cli/flags/scalar-flags.ts';
import { mayPrune, pruneFlags, pruneInTurn } from '#cli/prune/prune-command.ts';
import { pruneFilters } from '#cli/prune/prune-filters.ts';
import { pruneImages } from '#cli/prune/prune-objects.ts';

export const command = defineCommand({
  usage: 'prune [OPTIONS]',
  positional: noArguments,
  flags: {
    all: booleanFlag({ short: 'a', text: 'Remove all unused images, not just dangling ones' }),
    ...pruneFlags('until=<timestamp>'),
  },
  async run(invocation) {
    const { client, configuration, flags, signal } = invocation;
    const filters = pruneFilters(flags.filter, configuration.file);
    const lost = flags.all ? 'all images without at least one container associated to them' : 'all dangling images';
    if (!(await mayPrune(invocation, `This will remove ${lost}.\n`))) return 0;
    return await pruneInTurn(invocation, [() => pruneImages(client, filters, { all: flags.all, signal })]);
  },
});
