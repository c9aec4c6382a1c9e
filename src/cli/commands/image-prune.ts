/** `image prune`. */
import { noArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { filterFlag } from '#cli/flags/list-flags.ts';
import { booleanFlag } from '#cli/flags/scalar-flags.ts';
import { confirm } from '#cli/prune/confirm.ts';
import { pruneFilters } from '#cli/prune/prune-filters.ts';
import { pruneImages } from '#cli/prune/prune-objects.ts';
import { humanSize } from '#base/human-size.ts';

export const command = defineCommand({
  usage: 'prune [OPTIONS]',
  positional: noArguments,
  flags: {
    all: booleanFlag({ short: 'a', text: 'Remove all unused images, not just dangling ones' }),
    filter: filterFlag({ text: 'Provide filter values (e.g. "until=<timestamp>")' }),
    force: booleanFlag({ short: 'f', text: 'Do not prompt for confirmation' }),
  },
  async run({ client, configuration, flags, stdin, stdout, signal }) {
    const { all, force } = flags;
    const lost = all ? 'all images without at least one container associated to them' : 'all dangling images';
    const question = `WARNING! This will remove ${lost}.\nAre you sure you want to continue?`;
    if (!force && !await confirm(question, { stdin, stdout, signal })) return 0;
    const { reclaimed, text } = await pruneImages(client, pruneFilters(flags.filter, configuration.file), { all, signal });
    if (text !== '') stdout.writeLine(text);
    stdout.writeLine(`Total reclaimed space: ${humanSize(reclaimed)}`);
    return 0;
  },
});
