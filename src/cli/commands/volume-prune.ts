/** `volume prune`. */
import { humanSize } from '#base/human-size.ts';
import { noArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { filterFlag } from '#cli/flags/list-flags.ts';
import { booleanFlag } from '#cli/flags/scalar-flags.ts';
import { confirm } from '#cli/prune/confirm.ts';
import { pruneFilters } from '#cli/prune/prune-filters.ts';

export const command = defineCommand({
  usage: 'prune [OPTIONS]',
  positional: noArguments,
  flags: {
    all: booleanFlag({ short: 'a', text: 'Remove all unused volumes, not just anonymous ones', requires: { version: '1.42' } }),
    filter: filterFlag({ text: 'Provide filter values (e.g. "label=<label>")' }),
    force: booleanFlag({ short: 'f', text: 'Do not prompt for confirmation' }),
  },
  async run({ client, flags, configuration, stdin, stdout, signal }) {
    const chosen = pruneFilters(flags.filter, configuration.file);
    if (flags.all && chosen['all'] !== undefined) throw new CommandFailure('conflicting options: cannot specify both --all and --filter all=1');
    const filters = flags.all ? { ...chosen, all: ['true'] } : chosen;
    const lost = flags.all ? 'all local volumes' : 'anonymous local volumes';
    const question = `WARNING! This will remove ${lost} not used by at least one container.\nAre you sure you want to continue?`;
    if (!flags.force && !await confirm(question, { stdin, stdout, signal })) return 0;
    const { VolumesDeleted: deleted, SpaceReclaimed: space } = await client.volumes.prune(filters, signal);
    if (deleted.length > 0) stdout.write(`Deleted Volumes:\n${deleted.map((name) => `${name}\n`).join('')}\n`);
    stdout.writeLine(`Total reclaimed space: ${humanSize(deleted.length > 0 ? space : 0)}`);
    return 0;
  },
});
