/** `wait`. */
import { minimumArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { completeContainers } from '#cli/completion/object-names.ts';
import { errorText } from '#cli/error-text.ts';

export const command = defineCommand({
  usage: 'wait CONTAINER [CONTAINER...]',
  positional: minimumArguments(1),
  flags: {},
  async run({ client, arguments: containers, stdout, signal }) {
    const failures: string[] = [];
    for (const container of containers) {
      try {
        const { result } = await client.containers.wait(container, { signal });
        stdout.writeLine(String((await result).StatusCode));
      } catch (error) {
        if (signal.aborted) throw error;
        failures.push(errorText(error));
      }
    }
    if (failures.length > 0) throw new CommandFailure(failures.join('\n'));
    return 0;
  },
  complete: (invocation) => completeContainers(invocation, { all: false }),
});
