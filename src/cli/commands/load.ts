/** `load` and `image load`. */
import { readJsonLines } from '#client/json-lines.ts';
import { noArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { openInput } from '#cli/format/open-input.ts';
import { parsePlatform, platformText } from '#cli/format/platform-text.ts';
import { displayProgress } from '#cli/progress-display.ts';

export const command = defineCommand({
  usage: 'load [OPTIONS]',
  positional: noArguments,
  flags: {
    input: textFlag({ short: 'i', text: 'Read from tar archive file, instead of STDIN', candidates: 'files' }),
    platform: textFlag({ text: platformText('Load only'), requires: { version: '1.48' } }),
    quiet: booleanFlag({ short: 'q', text: 'Suppress the load output' }),
  },
  async run({ client, flags, stdin, stdout, signal }) {
    if (flags.input === '' && stdin.isTerminal) throw new CommandFailure('requested load from stdin, but stdin is empty');
    const archive = flags.input === '' ? stdin.stream : await openInput(flags.input);
    const platform = parsePlatform(flags.platform);
    const { json, body } = await client.images.load(archive, {
      quiet: flags.quiet || !stdout.isTerminal, ...(platform === undefined ? {} : { platforms: [platform] }), signal,
    });
    if (json) await displayProgress(readJsonLines(body), stdout);
    else for await (const part of body) await stdout.stream(part);
    return 0;
  },
});
