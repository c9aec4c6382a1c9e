/** `network ls`. */
import { noArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { filterFlag } from '#cli/flags/list-flags.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { listFormatText } from '#cli/format/format-texts.ts';
import { compareNaturally } from '#cli/format/natural-order.ts';
import { networkContext, networkFormat } from '#cli/format/network-context.ts';
import { renderList } from '#cli/format/render-list.ts';
import { bytesOfText } from '#base/template/go-text.ts';

export const command = defineCommand({
  usage: 'ls [OPTIONS]',
  positional: noArguments,
  flags: {
    filter: filterFlag({ short: 'f', text: 'Provide filter values (e.g. "driver=bridge")' }),
    format: textFlag({ text: listFormatText }),
    'no-trunc': booleanFlag({ text: 'Do not truncate the output' }),
    quiet: booleanFlag({ short: 'q', text: 'Only display network IDs' }),
  },
  async run({ client, configuration, flags, stdout, signal }) {
    const networks = await client.networks.list(flags.filter, signal);
    networks.sort((left, right) => compareNaturally(left.Name, right.Name));
    const configured = flags.quiet ? '' : configuration.file.networksFormat ?? '';
    const format = flags.format === '' ? configured === '' ? 'table' : configured : flags.format;
    const rows = networks.map((network) => networkContext.value({ network, truncate: !flags['no-trunc'] }));
    stdout.write(bytesOfText(renderList(networkFormat(format, flags.quiet), rows)));
    return 0;
  },
});
