/** `context export`. */
import { writeFileSync } from 'node:fs';
import { rangeOfArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { exportContext } from '#cli/contexts/context-archive.ts';
import { validateContextName } from '#cli/contexts/context-store.ts';
import { KnownContexts } from '#cli/contexts/known-contexts.ts';
import { errnoText } from '#cli/errno-text.ts';
import { quoteText } from '#base/template/go-quote.ts';

export const command = defineCommand({
  usage: 'export [OPTIONS] CONTEXT [FILE|-]',
  positional: rangeOfArguments(1, 2),
  flags: {},
  async run(invocation) {
    const { arguments: [name = '', destination = `${name}.dockercontext`], stdout, stderr } = invocation;
    if (name !== 'default') validateContextName(name);
    const contexts = new KnownContexts(invocation);
    if (destination === '-' && stdout.isTerminal) throw new CommandFailure('cowardly refusing to export to a terminal, specify a file path');
    const archive = exportContext(contexts.read(name), contexts.store.readTls(name));
    if (destination === '-') {
      stdout.write(archive);
      return 0;
    }
    try {
      writeFileSync(destination, archive, { flag: 'wx', mode: 0o600 });
    } catch (error) {
      throw new CommandFailure(`open ${destination}: ${errnoText(error)}`, 1, error);
    }
    stderr.writeLine(`Written file ${quoteText(destination)}`);
    return 0;
  },
});
