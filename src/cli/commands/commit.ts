/** `commit`. */
import { rangeOfArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { listFlag } from '#cli/flags/list-flags.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { fullName, parseImageReference } from '#cli/image-reference.ts';

export const command = defineCommand({
  usage: 'commit [OPTIONS] CONTAINER [REPOSITORY[:TAG]]',
  positional: rangeOfArguments(1, 2),
  flags: {
    author: textFlag({ short: 'a', text: 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")' }),
    change: listFlag({ short: 'c', text: 'Apply Dockerfile instruction to the created image' }),
    message: textFlag({ short: 'm', text: 'Commit message' }),
    pause: booleanFlag({ short: 'p', text: 'Pause container during commit', initial: true }),
  },
  async run({ client, flags, arguments: [container = '', name = ''], stdout, signal }) {
    const reference = name === '' ? undefined : parseImageReference(name);
    if (reference !== undefined && reference.digest !== '') throw new CommandFailure('refusing to create a tag with a digest reference');
    const { Id } = await client.builds.commit(container, {
      ...(reference === undefined ? {} : { repository: fullName(reference), tag: reference.tag === '' ? 'latest' : reference.tag }),
      author: flags.author, comment: flags.message, changes: flags.change, pause: flags.pause, signal,
    });
    stdout.writeLine(Id);
    return 0;
  },
});
