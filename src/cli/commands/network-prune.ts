/** `network prune`. */
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
    const warning = 'WARNING! This will remove all custom networks not used by at least one container.\nAre you sure you want to continue?';
    if (!flags.force && !(await confirm(warning, stdin, stdout, signal))) return 0;
    const { NetworksDeleted: deleted } = await client.networks.prune(filters, signal);
    if (deleted !== null && deleted.length > 0) stdout.write(`Deleted Networks:\n${deleted.map((name) => `${name}\n`).join('')}\n`);
    return 0;
  },
});
