/** `volume create`. */
import { maximumArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { clusterVolumeFlags, clusterVolumeMarks, clusterVolumeSpecification } from '#cli/flags/cluster-volume-flags.ts';
import { listFlag, mapFlag } from '#cli/flags/list-flags.ts';
import { textFlag } from '#cli/flags/scalar-flags.ts';
import { validateLabel } from '#cli/flags/validators.ts';

export const command = defineCommand({
  usage: 'create [OPTIONS] [VOLUME]',
  positional: maximumArguments(1),
  flags: {
    driver: textFlag({ short: 'd', text: 'Specify volume driver name', initial: 'local' }),
    label: listFlag({ text: 'Set metadata for a volume', validate: validateLabel }),
    opt: mapFlag({ short: 'o', text: 'Set driver specific options' }),
    name: textFlag({ text: 'Specify volume name', hidden: true }),
    ...clusterVolumeFlags,
  },
  async run({ client, flags, given, arguments: [argument], stdout, signal }) {
    if (argument !== undefined && flags.name !== '') throw new CommandFailure('conflicting options: cannot specify a volume-name through both --name and as a positional arg');
    const name = argument ?? flags.name;
    const isOfCluster = clusterVolumeMarks.some((flag) => given(flag));
    const labels = flags.label.map((label): [string, string] => {
      const cut = label.indexOf('=');
      return cut < 0 ? [label, ''] : [label.slice(0, cut), label.slice(cut + 1)];
    });
    const volume = await client.volumes.create({
      Driver: flags.driver,
      ...(name !== '' && { Name: name }),
      ...(flags.opt.size > 0 && { DriverOpts: Object.fromEntries(flags.opt) }),
      ...(labels.length > 0 && { Labels: Object.fromEntries(labels) }),
      ...(isOfCluster && { ClusterVolumeSpec: clusterVolumeSpecification(flags) }),
    }, signal);
    stdout.writeLine(volume.Name);
    return 0;
  },
});
