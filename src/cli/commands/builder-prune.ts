/** `builder prune`. */
import { noArguments } from '#cli/argument-rule.ts';
import { classicDeprecation } from '#cli/build/classic-deprecation.ts';
import { wantsClassicBuilder } from '#cli/build/wants-classic-builder.ts';
import { defineCommand } from '#cli/command.ts';
import { booleanFlag } from '#cli/flags/scalar-flags.ts';
import { bytesFlag } from '#cli/flags/size-flags.ts';
import { mayPrune, pruneFlags, pruneInTurn } from '#cli/prune/prune-command.ts';
import { pruneFilters } from '#cli/prune/prune-filters.ts';
import { pruneBuildCache } from '#cli/prune/prune-objects.ts';

export const command = defineCommand({
  usage: 'prune',
  positional: noArguments,
  flags: {
    all: booleanFlag({ short: 'a', text: 'Remove all unused build cache, not just dangling ones' }),
    ...pruneFlags('until=24h'),
    'keep-storage': bytesFlag({ text: 'Amount of disk space to keep for cache' }),
    'max-used-space': bytesFlag({ text: 'Maximum amount of disk space allowed to keep for cache', isOwn: true }),
    'min-free-space': bytesFlag({ text: 'Target amount of free disk space after pruning', isOwn: true }),
    'reserved-space': bytesFlag({ text: 'Amount of disk space always allowed to keep for cache', isOwn: true }),
  },
  preface: (environment) => (wantsClassicBuilder(environment['DOCKER_BUILDKIT']) ? classicDeprecation : []),
  async run(invocation) {
    const { client, configuration, flags, signal } = invocation;
    const filters = pruneFilters(flags.filter, configuration.file);
    const lost = flags.all ? 'all build cache' : 'all dangling build cache';
    if (!(await mayPrune(invocation, `This will remove ${lost}. `))) return 0;
    const spaces = { 'keep-storage': flags['keep-storage'], 'max-used-space': flags['max-used-space'], 'min-free-space': flags['min-free-space'], 'reserved-space': flags['reserved-space'] };
    return await pruneInTurn(invocation, [() => pruneBuildCache(client, filters, { all: flags.all, spaces, signal })]);
  },
});
