/** `context show`. */
import { noArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { KnownContexts } from '#cli/contexts/known-contexts.ts';

export const command = defineCommand({
  usage: 'show',
  positional: noArguments,
  flags: {},
  async run(invocation) {
    invocation.stdout.writeLine(new KnownContexts(invocation).current);
    return 0;
  },
});
