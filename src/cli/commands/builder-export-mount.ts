/** `builder export-mount`. */
import { exactArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { textFlag } from '#cli/flags/scalar-flags.ts';
import { NewFile } from '#cli/format/new-file.ts';

export const command = defineCommand({
  usage: 'export-mount [OPTIONS] ID',
  positional: exactArguments(1),
  flags: { output: textFlag({ short: 'o', text: 'Write to a file, instead of STDOUT', candidates: 'files' }) },
  async run({ client, flags, arguments: [id = ''], stdout, signal }) {
    if (flags.output === '') {
      if (stdout.isTerminal) throw new CommandFailure('cowardly refusing to save to a terminal. Use the -o flag or redirect');
      for await (const part of await client.builds.exportCacheMount(id, signal)) await stdout.stream(part);
      return 0;
    }
    await using file = await NewFile.create(flags.output);
    for await (const part of await client.builds.exportCacheMount(id, signal)) await file.write(part);
    await file.commit();
    return 0;
  },
});
