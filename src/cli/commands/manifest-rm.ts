/** `manifest rm`. */
import { minimumArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { ManifestStore, unknownList } from '#cli/manifest/manifest-store.ts';
import { parseReference, withDefaultTag } from '#oci/reference.ts';

export const command = defineCommand({
  usage: 'rm MANIFEST_LIST [MANIFEST_LIST...]',
  positional: minimumArguments(1),
  flags: {},
  async run({ arguments: names, configuration }) {
    const store = new ManifestStore(configuration.directory);
    const failures: string[] = [];
    for (const name of names) {
      try {
        const list = withDefaultTag(parseReference(name));
        if (store.list(list) === undefined) throw unknownList(list);
        store.remove(list);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        failures.push(error.message);
      }
    }
    if (failures.length > 0) throw new CommandFailure(failures.join('\n'));
    return await Promise.resolve(0);
  },
});
