/** `system fsck`: whose every file below the engine's data root is, and whether all of it is whole. */
import { noArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { storageText } from '#cli/format/storage-text.ts';
import { inspectFormatText } from '#cli/format/format-texts.ts';
import { inspectObjects } from '#cli/format/inspect-objects.ts';

export const command = defineCommand({
  usage: 'fsck [OPTIONS]',
  description: 'Check that every file below the data root has an owner and that nothing is damaged',
  positional: noArguments,
  flags: {
    deep: booleanFlag({ text: 'Read every layer and blob and compare it with its digest' }),
    format: textFlag({ short: 'f', text: inspectFormatText }),
  },
  async run({ client, flags, stdout, signal }) {
    const report = await client.system.checkStorage({ deep: flags.deep }, signal);
    if (flags.format !== '') {
      await inspectObjects({ references: [report.DataRoot], format: flags.format, stdout, find: async () => ({ document: JSON.stringify(report), type: undefined }) });
    } else stdout.write(storageText(report));
    return report.Orphans.length + report.Damaged.length === 0 ? 0 : 1;
  },
});
