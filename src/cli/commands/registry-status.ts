/** `registry status`. */
import { noArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { textFlag } from '#cli/flags/scalar-flags.ts';
import { alignColumns } from '#cli/format/align-columns.ts';
import { defaultContainer, findRegistry, publishedAddress, storageInContainer } from '#cli/registry/registry-container.ts';

/** The exit code of a service that does not run, as the Linux Standard Base has it. */
const notRunning = 3;

export const command = defineCommand({
  usage: 'status [OPTIONS]',
  description: 'Show whether the registry of "registry up" runs, and where',
  positional: noArguments,
  flags: { name: textFlag({ text: 'Name of the container', initial: defaultContainer }) },
  async run({ client, flags, stdout, signal }) {
    const found = await findRegistry(client, flags.name, signal);
    if (found === undefined) {
      stdout.writeLine(`There is no registry "${flags.name}": start one with "dhow registry up"`);
      return notRunning;
    }
    const mount = found.Mounts.find(({ Destination }) => Destination === storageInContainer);
    const rows = [
      ['State:', found.State.Status],
      ['Since:', found.State.Running ? found.State.StartedAt : found.State.FinishedAt],
      ['Container:', `${flags.name} (${found.Id.slice(0, 12)})`],
      ['Image:', found.Config.Image],
      ['Address:', publishedAddress(found) ?? 'none'],
      ['Images in:', mount === undefined ? 'none' : (mount.Name ?? '') === '' ? mount.Source : `volume ${mount.Name} (${mount.Source})`],
    ];
    stdout.write(alignColumns(rows.map((row) => `${row.join('\t')}\n`).join(''), { minimumWidth: 0, padding: 2 }));
    return found.State.Running ? 0 : notRunning;
  },
});
