/** `container prune`. */
import { humanSize } from '#base/human-size.ts';
import { noArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { confirm } from '#cli/confirm.ts';
import { filterFlag } from '#cli/flags/list-flags.ts';
import { booleanFlag } from '#cli/flags/scalar-flags.ts';
import { pruneFilters } from '#cli/prune-filters.ts';

export const command = defineCommand({
  usage: 'prune [OPTIONS]',
  positional: noArguments,
  flags: {
    filter: filterFlag({ text: 'Provide filter values (e.g. "until=<timestamp>")' }),
    force: booleanFlag({ short: 'f', text: 'Do not prompt for confirmation' }),
  },
  async run({ client, flags, configuration, stdin, stdout, signal }) {
    const filters = pruneFilters(flags.filter, configuration.file);
    if (!flags.force && !(await confirm('WARNING! This will remove all stopped containers.\nAre you sure you want to continue?', stdin, stdout, signal))) {
      return 0;
    }
    const { ContainersDeleted: deleted, SpaceReclaimed: space } = await client.containers.prune(filters, signal);
    const removed = deleted ?? [];
    if (removed.length > 0) stdout.write(`Deleted Containers:\n${removed.map((id) => `${id}\n`).join('')}\n`);
    stdout.writeLine(`Total reclaimed space: ${humanSize(removed.length > 0 ? space : 0)}`);
    return 0;
  },
});
