/** `registry down`. */
import { noArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { defaultContainer, findRegistry, storageInContainer } from '#cli/registry/registry-container.ts';

export const command = defineCommand({
  usage: 'down [OPTIONS]',
  description: 'Stop and remove the registry that "registry up" has started; its images stay in their volume',
  positional: noArguments,
  flags: {
    name: textFlag({ text: 'Name of the container', initial: defaultContainer }),
    volumes: booleanFlag({ text: 'Remove the volume with all images, too' }),
  },
  async run({ client, flags, stdout, signal }) {
    const found = await findRegistry(client, flags.name, signal);
    if (found === undefined) throw new CommandFailure(`there is no registry "${flags.name}"`);
    await client.containers.stop(found.Id, { signal });
    await client.containers.remove(found.Id, { force: true, signal });
    const volume = found.Mounts.find(({ Destination }) => Destination === storageInContainer)?.Name;
    const removesVolume = flags.volumes && volume !== undefined && volume !== '';
    if (removesVolume) await client.volumes.remove(volume, { signal });
    stdout.writeLine(removesVolume ? `The registry "${flags.name}" and its volume ${volume} have been removed` : `The registry "${flags.name}" has been removed, its images are kept`);
    return 0;
  },
});
