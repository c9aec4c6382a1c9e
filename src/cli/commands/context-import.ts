/** `context import`. */
import { exactArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { importContext } from '#cli/contexts/context-archive.ts';
import { validateContextName } from '#cli/contexts/context-store.ts';
import { KnownContexts } from '#cli/contexts/known-contexts.ts';
import { openInput } from '#cli/format/open-input.ts';
import { quoteText } from '#base/template/go-quote.ts';

export const command = defineCommand({
  usage: 'import CONTEXT FILE|-',
  positional: exactArguments(2),
  flags: {},
  async run(invocation) {
    const { arguments: [name = '', source = ''], stdin, stdout, stderr } = invocation;
    validateContextName(name);
    const { store } = new KnownContexts(invocation);
    if (store.exists(name)) throw new CommandFailure(`context ${quoteText(name)} already exists`);
    const parts: Uint8Array[] = [];
    for await (const part of source === '-' ? stdin.stream : await openInput(source)) parts.push(part);
    importContext(name, Buffer.concat(parts), store);
    stdout.writeLine(name);
    stderr.writeLine(`Successfully imported context ${quoteText(name)}`);
    return 0;
  },
});
