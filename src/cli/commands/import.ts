/** `import` and `image import`. */
import { minimumArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { listFlag } from '#cli/flags/list-flags.ts';
import { textFlag } from '#cli/flags/scalar-flags.ts';
import { openInput } from '#cli/format/open-input.ts';
import { parseImageReference } from '#cli/image-reference.ts';
import { displayProgress } from '#cli/progress-display.ts';

export const command = defineCommand({
  usage: 'import [OPTIONS] file|URL|- [REPOSITORY[:TAG]]',
  positional: minimumArguments(1),
  flags: {
    change: listFlag({ short: 'c', text: 'Apply Dockerfile instruction to the created image' }),
    message: textFlag({ short: 'm', text: 'Set commit message for imported image' }),
    platform: textFlag({ text: 'Set platform if server is multi-platform capable', requires: { version: '1.32' } }),
  },
  async run({ client, flags, arguments: [source = '', repository = ''], stdin, stdout, signal }) {
    const isRemote = source.startsWith('https://') || source.startsWith('http://');
    const archive = isRemote ? undefined : source === '-' ? stdin.stream : await openInput(source);
    if (repository !== '') parseImageReference(repository);
    const messages = await client.images.import(isRemote ? source : '-', {
      ...(archive === undefined ? {} : { archive }),
      repository, message: flags.message, changes: flags.change, platform: flags.platform.toLowerCase(), signal,
    });
    await displayProgress(messages, stdout);
    return 0;
  },
});
