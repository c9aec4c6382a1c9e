/** `create`. */
import { minimumArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { completeImages } from '#cli/completion/object-names.ts';
import { containerFlags } from '#cli/container/container-flags.ts';
import { containerRequest, type ContainerRequest } from '#cli/container/container-request.ts';
import { checkPullPolicy, createContainer, type PullPolicy } from '#cli/container/create-container.ts';
import { errorText } from '#cli/error-text.ts';
import { textFlag } from '#cli/flags/scalar-flags.ts';

export const command = defineCommand({
  usage: 'create [OPTIONS] IMAGE [COMMAND] [ARG...]',
  positional: minimumArguments(1),
  interspersed: false,
  flags: {
    ...containerFlags,
    pull: textFlag({ text: 'Pull image before creating ("always", "|missing", "never")', initial: 'missing', candidates: ['always', 'missing', 'never'] }),
  },
  async run(invocation) {
    const [image = '', ...words] = invocation.arguments;
    let request: ContainerRequest;
    let pull: PullPolicy;
    try {
      pull = checkPullPolicy(invocation.flags.pull);
      request = containerRequest({ ...invocation, image, command: words, configuration: invocation.configuration.file, daemonAddress: invocation.endpoint });
    } catch (error) {
      throw new CommandFailure(`${invocation.program}: ${errorText(error)}\n\nRun '${invocation.program} create --help' for more information`, 125, error);
    }
    invocation.stdout.writeLine(await createContainer(invocation, request, pull));
    return 0;
  },
  complete: (invocation) => completeImages(invocation),
});
