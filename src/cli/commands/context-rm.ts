/** `context rm`. */
import { minimumArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { KnownContexts } from '#cli/contexts/known-contexts.ts';
import { saveCurrentContext } from '#cli/contexts/save-current-context.ts';
import { booleanFlag } from '#cli/flags/scalar-flags.ts';
import { quoteText } from '#base/template/go-quote.ts';

export const command = defineCommand({
  usage: 'rm CONTEXT [CONTEXT...]',
  positional: minimumArguments(1),
  flags: { force: booleanFlag({ short: 'f', text: 'Force the removal of a context in use' }) },
  async run(invocation) {
    const { arguments: names, configuration, flags: { force }, stdout } = invocation;
    const contexts = new KnownContexts(invocation);
    const { current } = contexts;
    const errors: string[] = [];
    for (const name of names) {
      if (name === 'default') errors.push('context "default" cannot be removed');
      else if (name === current && !force) errors.push(`context ${quoteText(name)} is in use, set -f flag to force remove`);
      else if (!force && !contexts.store.exists(name)) errors.push(`context ${quoteText(name)} does not exist`);
      else {
        if (name === current) saveCurrentContext(configuration, undefined);
        contexts.store.remove(name);
        stdout.writeLine(name);
      }
    }
    if (errors.length > 0) throw new CommandFailure(errors.join('\n'));
    return 0;
  },
});
