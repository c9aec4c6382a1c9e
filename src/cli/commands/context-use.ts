/** `context use`. */
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { validateContextName } from '#cli/contexts/context-store.ts';
import { KnownContexts } from '#cli/contexts/known-contexts.ts';
import { saveCurrentContext } from '#cli/contexts/save-current-context.ts';
import { quoteText } from '#base/template/go-quote.ts';

export const command = defineCommand({
  usage: 'use CONTEXT',
  // Docker's text for a wrong number is another than elsewhere.
  positional: () => undefined,
  flags: {},
  async run(invocation) {
    const { arguments: names, configuration, environment, stdout, stderr } = invocation;
    const [name] = names;
    if (name === undefined || names.length > 1) throw new CommandFailure(`accepts 1 arg(s), received ${names.length}`);
    if (name !== 'default') {
      validateContextName(name);
      new KnownContexts(invocation).read(name);
    }
    saveCurrentContext(configuration, name === 'default' ? undefined : name);
    stdout.writeLine(name);
    stderr.writeLine(`Current context is now ${quoteText(name)}`);
    if (name !== 'default' && (environment['DOCKER_HOST'] ?? '') !== '') {
      stderr.writeLine(`Warning: DOCKER_HOST environment variable overrides the active context. To use ${quoteText(name)}, either set the global --context flag, or unset DOCKER_HOST environment variable.`);
    }
    return 0;
  },
});
