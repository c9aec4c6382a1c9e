/** `system prune`. */
import { noArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { booleanFlag } from '#cli/flags/scalar-flags.ts';
import { compareNaturally } from '#cli/format/natural-order.ts';
import { mayPrune, pruneFlags, pruneInTurn } from '#cli/prune/prune-command.ts';
import { pruneFilters, type Filters } from '#cli/prune/prune-filters.ts';
import { pruneBuildCache, pruneContainers, pruneImages, pruneNetworks, pruneVolumes } from '#cli/prune/prune-objects.ts';

function warning({ all, volumes }: { all: boolean; volumes: boolean }, filters: Filters): string {
  const lost = [
    'all stopped containers',
    'all networks not used by at least one container',
    ...(volumes ? ['all anonymous volumes not used by at least one container'] : []),
    all ? 'all images without at least one container associated to them' : 'all dangling images',
    all ? 'all build cache' : 'unused build cache',
  ];
  const shown = ['label', 'label!', 'until'].flatMap((name) => (filters[name] ?? []).map((value) => `${name}=${value}`)).sort(compareNaturally);
  const filtered = shown.length === 0 ? '' : `\n  Items to be pruned will be filtered with:\n${shown.map((filter) => `  - ${filter}\n`).join('')}`;
  return `This will remove:\n${lost.map((line) => `  - ${line}\n`).join('')}${filtered}\n`;
}

export const command = defineCommand({
  usage: 'prune [OPTIONS]',
  positional: noArguments,
  flags: {
    all: booleanFlag({ short: 'a', text: 'Remove all unused images not just dangling ones' }),
    ...pruneFlags('label=<key>=<value>', { version: '1.28' }),
    volumes: booleanFlag({ text: 'Prune anonymous volumes' }),
  },
  async run(invocation) {
    const { client, configuration, flags, signal } = invocation;
    const { all, volumes } = flags;
    if (volumes && flags.filter['until'] !== undefined) throw new CommandFailure('ERROR: The "until" filter is not supported with "--volumes"');
    const filters = pruneFilters(flags.filter, configuration.file);
    if (!(await mayPrune(invocation, warning({ all, volumes }, filters)))) return 0;
    return await pruneInTurn(invocation, [
      () => pruneContainers(client, filters, signal),
      () => pruneNetworks(client, filters, signal),
      ...(volumes ? [() => pruneVolumes(client, filters, signal)] : []),
      () => pruneImages(client, filters, { all, signal }),
      () => pruneBuildCache(client, flags.filter, { all, signal }),
    ]);
  },
});
