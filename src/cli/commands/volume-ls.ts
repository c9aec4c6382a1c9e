/** `volume ls`. */
import { noArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { filterFlag } from '#cli/flags/list-flags.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { listFormatText } from '#cli/format/format-texts.ts';
import { compareNaturally } from '#cli/format/natural-order.ts';
import { renderList } from '#cli/format/render-list.ts';
import { clusterTable, volumeContext, volumeFormat } from '#cli/format/volume-context.ts';
import { bytesOfText } from '#base/template/go-text.ts';

export const command = defineCommand({
  usage: 'ls [OPTIONS]',
  positional: noArguments,
  flags: {
    filter: filterFlag({ short: 'f', text: 'Provide filter values (e.g. "dangling=true")' }),
    format: textFlag({ text: listFormatText }),
    quiet: booleanFlag({ short: 'q', text: 'Only display volume names' }),
    cluster: booleanFlag({ text: 'Display only cluster volumes, and use cluster volume list formatting', requires: { version: '1.42', swarm: 'manager' } }),
  },
  async run({ client, configuration, flags, stdout, signal }) {
    const listed = await client.volumes.list(flags.filter, signal);
    const volumes = listed.Volumes.filter(({ ClusterVolume }) => !flags.cluster || ClusterVolume !== undefined).sort((left, right) => compareNaturally(left.Name, right.Name));
    const configured = flags.quiet ? '' : configuration.file.volumesFormat ?? '';
    const standard = flags.cluster && !flags.quiet ? clusterTable : configured === '' ? 'table' : configured;
    const format = flags.format === '' ? standard : flags.format;
    stdout.write(bytesOfText(renderList(volumeFormat(format, flags.quiet), volumes.map(volumeContext.value))));
    return 0;
  },
});
