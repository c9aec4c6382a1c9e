/** `volume ls`. */
import { noArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { filterFlag } from '#cli/flags/list-flags.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { listFormatText } from '#cli/format/format-texts.ts';
import { compareNaturally } from '#cli/format/natural-order.ts';
import { renderList } from '#cli/format/render-list.ts';
import { volumeContext, volumeFormat } from '#cli/format/volume-context.ts';
import { bytesOfText } from '#base/template/go-text.ts';

export const command = defineCommand({
  usage: 'ls [OPTIONS]',
  positional: noArguments,
  flags: {
    filter: filterFlag({ short: 'f', text: 'Provide filter values (e.g. "dangling=true")' }),
    format: textFlag({ text: listFormatText }),
    quiet: booleanFlag({ short: 'q', text: 'Only display volume names' }),
  },
  async run({ client, configuration, flags, stdout, signal }) {
    const { Volumes: volumes } = await client.volumes.list(flags.filter, signal);
    volumes.sort((left, right) => compareNaturally(left.Name, right.Name));
    const configured = flags.quiet ? '' : configuration.file.volumesFormat ?? '';
    const format = flags.format === '' ? configured === '' ? 'table' : configured : flags.format;
    stdout.write(bytesOfText(renderList(volumeFormat(format, flags.quiet), volumes.map(volumeContext.value))));
    return 0;
  },
});
