/** `volume update`: only volumes of a cluster can be changed. */
import { exactArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { completeVolumes } from '#cli/completion/object-names.ts';
import { textFlag } from '#cli/flags/scalar-flags.ts';

export const command = defineCommand({
  usage: 'update [OPTIONS] [VOLUME]',
  positional: exactArguments(1),
  flags: {
    availability: textFlag({ text: 'Cluster Volume availability ("active", "pause", "drain")', initial: 'active', requires: { version: '1.42', swarm: 'manager' } }),
  },
  async run({ client, flags, given, arguments: [name = ''], signal }) {
    const { ClusterVolume: volume } = await client.volumes.inspect(name, signal);
    if (volume === undefined) throw new CommandFailure('can only update cluster volumes');
    await client.volumes.update(volume.ID, volume.Version.Index, { Spec: given('availability') ? { ...volume.Spec, Availability: flags.availability } : volume.Spec }, signal);
    return 0;
  },
  complete: completeVolumes,
});
