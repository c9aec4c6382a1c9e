/** `rename`. */
import { exactArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { errorText } from '#cli/error-text.ts';

export const command = defineCommand({
  usage: 'rename CONTAINER NEW_NAME',
  positional: exactArguments(2),
  flags: {},
  async run({ client, arguments: [given = '', name = ''], stderr, signal }) {
    const from = given.trim();
    const to = name.trim();
    if (from === '' || to === '') throw new CommandFailure('Error: Neither old nor new names may be empty');
    try {
      await client.containers.rename(from, to, signal);
    } catch (error) {
      stderr.writeLine(errorText(error));
      throw new CommandFailure(`Error: failed to rename container named ${from}`, 1, error);
    }
    return 0;
  },
});
