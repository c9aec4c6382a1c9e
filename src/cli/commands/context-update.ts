/** `context update`. */
import { exactArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { validateContextName } from '#cli/contexts/context-store.ts';
import { dockerFlag, endpointDescription, readDockerEndpoint } from '#cli/contexts/docker-endpoint.ts';
import { KnownContexts } from '#cli/contexts/known-contexts.ts';
import { textFlag } from '#cli/flags/scalar-flags.ts';
import { quoteText } from '#base/template/go-quote.ts';

export const command = defineCommand({
  usage: 'update [OPTIONS] CONTEXT',
  description: endpointDescription('update'),
  positional: exactArguments(1),
  flags: {
    description: textFlag({ text: 'Description of the context' }),
    docker: dockerFlag,
  },
  async run(invocation) {
    const { arguments: [name = ''], flags, stdout, stderr } = invocation;
    validateContextName(name);
    const contexts = new KnownContexts(invocation);
    const before = contexts.read(name);
    const changed = flags.docker === undefined ? undefined : readDockerEndpoint(flags.docker, contexts);
    contexts.store.write({
      ...before,
      Metadata: flags.description === '' ? before.Metadata : { ...before.Metadata, Description: flags.description },
      Endpoints: changed === undefined ? before.Endpoints : { ...before.Endpoints, docker: changed.endpoint },
    });
    if (changed !== undefined) contexts.store.writeTls(name, 'docker', changed.tls);
    stdout.writeLine(name);
    stderr.writeLine(`Successfully updated context ${quoteText(name)}`);
    return 0;
  },
});
