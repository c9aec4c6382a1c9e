/** `system prune`. */
import { noArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { filterFlag } from '#cli/flags/list-flags.ts';
import { booleanFlag } from '#cli/flags/scalar-flags.ts';
import { compareNaturally } from '#cli/format/natural-order.ts';
import { confirm } from '#cli/prune/confirm.ts';
import { pruneFilters, type Filters } from '#cli/prune/prune-filters.ts';
import { pruneBuildCache, pruneContainers, pruneImages, pruneNetworks, pruneVolumes, type PruneResult } from '#cli/prune/prune-objects.ts';
import { humanSize } from '#base/human-size.ts';

function question({ all, volumes }: { all: boolean; volumes: boolean }, filters: Filters): string {
  const lost = [
    'all stopped containers',
    'all networks not used by at least one container',
    ...(volumes ? ['all anonymous volumes not used by at least one container'] : []),
    all ? 'all images without at least one container associated to them' : 'all dangling images',
    all ? 'all build cache' : 'unused build cache',
  ];
  const shown = ['label', 'label!', 'until'].flatMap((name) => (filters[name] ?? []).map((value) => `${name}=${value}`)).sort(compareNaturally);
  const filtered = shown.length === 0 ? '' : `\n  Items to be pruned will be filtered with:\n${shown.map((filter) => `  - ${filter}\n`).join('')}`;
  return `WARNING! This will remove:\n${lost.map((line) => `  - ${line}\n`).join('')}${filtered}\nAre you sure you want to continue?`;
}

export const command = defineCommand({
  usage: 'prune [OPTIONS]',
  positional: noArguments,
  flags: {
    all: booleanFlag({ short: 'a', text: 'Remove all unused images not just dangling ones' }),
    filter: filterFlag({ text: 'Provide filter values (e.g. "label=<key>=<value>")', requires: { version: '1.28' } }),
    force: booleanFlag({ short: 'f', text: 'Do not prompt for confirmation' }),
    volumes: booleanFlag({ text: 'Prune anonymous volumes' }),
  },
  async run({ client, configuration, flags, stdin, stdout, signal }) {
    const { all, force, volumes } = flags;
    if (volumes && flags.filter['until'] !== undefined) throw new CommandFailure('ERROR: The "until" filter is not supported with "--volumes"');
    const filters = pruneFilters(flags.filter, configuration.file);
    if (!force && !await confirm(question({ all, volumes }, filters), { stdin, stdout, signal })) return 0;
    const steps: readonly (() => Promise<PruneResult>)[] = [
      () => pruneContainers(client, filters, signal),
      () => pruneNetworks(client, filters, signal),
      ...(volumes ? [() => pruneVolumes(client, filters, signal)] : []),
      () => pruneImages(client, filters, { all, signal }),
      () => pruneBuildCache(client, flags.filter, { all, signal }),
    ];
    let total = 0;
    for (const step of steps) {
      const { reclaimed, text } = await step();
      total += reclaimed;
      if (text !== '') stdout.writeLine(text);
    }
    stdout.writeLine(`Total reclaimed space: ${humanSize(total)}`);
    return 0;
  },
});
