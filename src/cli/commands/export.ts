/** `export` and `container export`. */
import { exactArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { textFlag } from '#cli/flags/scalar-flags.ts';
import { NewFile } from '#cli/format/new-file.ts';

async function newFile(path: string): Promise<NewFile> {
  try {
    return await NewFile.create(path);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new CommandFailure(`failed to export container: ${error.message}`, 1, error);
  }
}

export const command = defineCommand({
  usage: 'export [OPTIONS] CONTAINER',
  positional: exactArguments(1),
  flags: {
    output: textFlag({ short: 'o', text: 'Write to a file, instead of STDOUT', candidates: 'files' }),
  },
  async run({ client, flags, arguments: [container = ''], stdout, signal }) {
    if (flags.output === '') {
      if (stdout.isTerminal) throw new CommandFailure('cowardly refusing to save to a terminal. Use the -o flag or redirect');
      for await (const part of await client.archives.export(container, signal)) await stdout.stream(part);
      return 0;
    }
    await using file = await newFile(flags.output);
    for await (const part of await client.archives.export(container, signal)) await file.write(part);
    await file.commit();
    return 0;
  },
});
