/** `history` and `image history`. */
import { exactArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { listFormatText } from '#cli/format/format-texts.ts';
import { historyContext, historyFormat } from '#cli/format/history-context.ts';
import { parsePlatform, platformText } from '#cli/format/platform-text.ts';
import { renderList } from '#cli/format/render-list.ts';
import { bytesOfText } from '#base/template/go-text.ts';

export const command = defineCommand({
  usage: 'history [OPTIONS] IMAGE',
  positional: exactArguments(1),
  flags: {
    format: textFlag({ text: listFormatText }),
    human: booleanFlag({ short: 'H', initial: true, text: 'Print sizes and dates in human readable format' }),
    'no-trunc': booleanFlag({ text: "Don't truncate output" }),
    platform: textFlag({ text: platformText('Show history for'), requires: { version: '1.48' } }),
    quiet: booleanFlag({ short: 'q', text: 'Only show image IDs' }),
  },
  async run({ client, flags, arguments: [image = ''], stdout, signal }) {
    const { human, quiet } = flags;
    const platform = parsePlatform(flags.platform);
    const entries = await client.images.history(image, { ...(platform === undefined ? {} : { platform }), signal });
    const rows = entries.map((entry) => historyContext.value({ entry, truncate: !flags['no-trunc'], human }));
    stdout.write(bytesOfText(renderList(historyFormat(flags.format, { quiet, human }), rows)));
    return 0;
  },
});
