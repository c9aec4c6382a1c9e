/** `rm`. */
import { ApiError } from '#client/client-error.ts';
import { minimumArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { completeContainers } from '#cli/completion/object-names.ts';
import { eachArgument } from '#cli/each-argument.ts';
import { errorText } from '#cli/error-text.ts';
import { booleanFlag } from '#cli/flags/scalar-flags.ts';

export const command = defineCommand({
  usage: 'rm [OPTIONS] CONTAINER [CONTAINER...]',
  positional: minimumArguments(1),
  flags: {
    force: booleanFlag({ short: 'f', text: 'Force the removal of a running container (uses SIGKILL)' }),
    link: booleanFlag({ short: 'l', text: 'Remove the specified link' }),
    volumes: booleanFlag({ short: 'v', text: 'Remove anonymous volumes associated with the container' }),
  },
  async run({ client, arguments: containers, flags, stdout, stderr, signal }) {
    const remove = async (name: string): Promise<void> => {
      const container = name.replace(/^\/+|\/+$/g, '');
      if (container === '') throw new Error('container name cannot be empty');
      await client.containers.remove(container, { ...flags, signal });
    };
    const pardon = (error: unknown): boolean => {
      if (!flags.force || !(error instanceof ApiError && error.status === 404)) return false;
      stderr.writeLine(errorText(error));
      return true;
    };
    return await eachArgument(containers, remove, { stdout, signal, parallel: 50, pardon });
  },
  complete: (invocation) => completeContainers(invocation, { all: true, only: ({ State }) => invocation.flags.force || State === 'exited' || State === 'created' }),
});
