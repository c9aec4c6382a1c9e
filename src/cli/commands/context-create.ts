/** `context create`. */
import { exactArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { validateContextName } from '#cli/contexts/context-store.ts';
import { dockerFlag, endpointDescription, readDockerEndpoint } from '#cli/contexts/docker-endpoint.ts';
import { defaultDescription, KnownContexts } from '#cli/contexts/known-contexts.ts';
import { textFlag } from '#cli/flags/scalar-flags.ts';
import { quoteText } from '#base/template/go-quote.ts';

export const command = defineCommand({
  usage: 'create [OPTIONS] CONTEXT',
  description: endpointDescription('create'),
  positional: exactArguments(1),
  flags: {
    description: textFlag({ text: 'Description of the context' }),
    docker: dockerFlag,
    from: textFlag({ text: 'create context from a named context' }),
  },
  async run(invocation) {
    const { arguments: [name = ''], flags, stdout, stderr } = invocation;
    const contexts = new KnownContexts(invocation);
    validateContextName(name);
    if (contexts.store.exists(name)) throw new CommandFailure(`context ${quoteText(name)} already exists`);
    if (flags.docker !== undefined && flags.from === '') {
      const { endpoint, tls } = readDockerEndpoint(flags.docker, contexts);
      contexts.store.write({ Name: name, Metadata: { Description: flags.description }, Endpoints: { docker: endpoint } });
      contexts.store.writeTls(name, 'docker', tls);
    } else {
      if (flags.docker !== undefined) throw new CommandFailure('cannot use --docker flag when --from is set');
      copyContext(contexts, flags.from === '' ? contexts.current : flags.from, { name, description: flags.description });
    }
    stdout.writeLine(name);
    stderr.writeLine(`Successfully created context ${quoteText(name)}`);
    return 0;
  },
});

function copyContext(contexts: KnownContexts, from: string, { name, description }: { name: string; description: string }): void {
  const source = contexts.read(from);
  const told = source.Metadata.Description ?? (from === 'default' ? defaultDescription : '');
  contexts.store.write({ ...source, Name: name, Metadata: { ...source.Metadata, Description: description === '' ? told : description } });
  for (const [endpoint, files] of contexts.store.readTls(from)) contexts.store.writeTls(name, endpoint, files);
}
