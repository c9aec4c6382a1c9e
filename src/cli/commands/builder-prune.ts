/** `builder prune`. */
import { humanSize } from '#base/human-size.ts';
import { noArguments } from '#cli/argument-rule.ts';
import { classicDeprecation } from '#cli/build/classic-deprecation.ts';
import { wantsClassicBuilder } from '#cli/build/wants-classic-builder.ts';
import { defineCommand } from '#cli/command.ts';
import { filterFlag } from '#cli/flags/list-flags.ts';
import { booleanFlag } from '#cli/flags/scalar-flags.ts';
import { bytesFlag } from '#cli/flags/size-flags.ts';
import { confirm } from '#cli/prune/confirm.ts';
import { pruneFilters } from '#cli/prune/prune-filters.ts';
import { pruneBuildCache } from '#cli/prune/prune-objects.ts';

export const command = defineCommand({
  usage: 'prune',
  positional: noArguments,
  flags: {
    all: booleanFlag({ short: 'a', text: 'Remove all unused build cache, not just dangling ones' }),
    filter: filterFlag({ text: 'Provide filter values (e.g. "until=24h")' }),
    force: booleanFlag({ short: 'f', text: 'Do not prompt for confirmation' }),
    'keep-storage': bytesFlag({ text: 'Amount of disk space to keep for cache' }),
    'max-used-space': bytesFlag({ text: 'Maximum amount of disk space allowed to keep for cache', isOwn: true }),
    'min-free-space': bytesFlag({ text: 'Target amount of free disk space after pruning', isOwn: true }),
    'reserved-space': bytesFlag({ text: 'Amount of disk space always allowed to keep for cache', isOwn: true }),
  },
  preface: (environment) => (wantsClassicBuilder(environment['DOCKER_BUILDKIT']) ? classicDeprecation : []),
  async run({ client, configuration, flags, stdin, stdout, signal }) {
    const { all, force } = flags;
    const filters = pruneFilters(flags.filter, configuration.file);
    const lost = all ? 'all build cache' : 'all dangling build cache';
    if (!force && !await confirm(`WARNING! This will remove ${lost}. Are you sure you want to continue?`, { stdin, stdout, signal })) return 0;
    const { reclaimed, text } = await pruneBuildCache(client, filters, { all, spaces: { 'keep-storage': flags['keep-storage'], 'max-used-space': flags['max-used-space'], 'min-free-space': flags['min-free-space'], 'reserved-space': flags['reserved-space'] }, signal });
    if (text !== '') stdout.writeLine(text);
    stdout.writeLine(`Total reclaimed space: ${humanSize(reclaimed)}`);
    return 0;
  },
});
