/** `image bootstrap`: makes a base image from the packages of this system, where no registry is at hand. */
import { exactArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { displayProgress } from '#cli/progress-display.ts';

export const command = defineCommand({
  usage: 'bootstrap NAME[:TAG]',
  positional: exactArguments(1),
  flags: {},
  async run({ client, arguments: [name = ''], stdout, signal }) {
    await displayProgress(await client.images.bootstrap(name, signal), stdout);
    return 0;
  },
});
