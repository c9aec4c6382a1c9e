/** `save` and `image save`. */
import { minimumArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { textFlag } from '#cli/flags/scalar-flags.ts';
import { NewFile } from '#cli/format/new-file.ts';
import { parsePlatform, platformText } from '#cli/format/platform-text.ts';

async function newFile(path: string): Promise<NewFile> {
  try {
    return await NewFile.create(path);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new CommandFailure(`failed to save image: ${error.message}`, 1, error);
  }
}

export const command = defineCommand({
  usage: 'save [OPTIONS] IMAGE [IMAGE...]',
  positional: minimumArguments(1),
  flags: {
    output: textFlag({ short: 'o', text: 'Write to a file, instead of STDOUT', candidates: 'files' }),
    platform: textFlag({ text: platformText('Save only'), requires: { version: '1.48' } }),
  },
  async run({ client, flags, arguments: images, stdout, signal }) {
    const platform = parsePlatform(flags.platform);
    const options = { ...(platform === undefined ? {} : { platforms: [platform] }), signal };
    if (flags.output === '') {
      if (stdout.isTerminal) throw new CommandFailure('cowardly refusing to save to a terminal. Use the -o flag or redirect');
      for await (const part of await client.images.save(images, options)) await stdout.stream(part);
      return 0;
    }
    await using file = await newFile(flags.output);
    for await (const part of await client.images.save(images, options)) await file.write(part);
    await file.commit();
    return 0;
  },
});
