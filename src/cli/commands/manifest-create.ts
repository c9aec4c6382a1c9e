/** `manifest create`. */
import { minimumArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { booleanFlag } from '#cli/flags/scalar-flags.ts';
import { wholeText } from '#cli/manifest/manifest-entry.ts';
import { ManifestRegistry } from '#cli/manifest/manifest-registry.ts';
import { ManifestStore } from '#cli/manifest/manifest-store.ts';
import { parseReference, withDefaultTag, type ImageReference } from '#oci/reference.ts';

export const command = defineCommand({
  usage: 'create MANIFEST_LIST MANIFEST [MANIFEST...]',
  positional: minimumArguments(2),
  flags: {
    amend: booleanFlag({ short: 'a', text: 'Amend an existing manifest list' }),
    insecure: booleanFlag({ text: 'Allow communication with an insecure registry' }),
  },
  async run({ arguments: [target = '', ...names], flags, configuration, environment, stdout, signal }) {
    const list = readTarget(target);
    const store = new ManifestStore(configuration.directory);
    if (store.list(list) !== undefined && !flags.amend) throw new CommandFailure('refusing to amend an existing manifest list with no --amend flag');
    const registry = new ManifestRegistry({ configuration, environment, insecure: flags.insecure, signal });
    for (const name of names) {
      const reference = withDefaultTag(parseReference(name));
      const known = store.get(list, reference);
      const isWhole = known?.Raw !== undefined && known.Raw !== '';
      store.save(list, reference, isWhole ? known : await registry.image(reference));
    }
    stdout.writeLine(`Created manifest list ${wholeText(list)}`);
    return 0;
  },
});

function readTarget(text: string): ImageReference {
  try {
    return withDefaultTag(parseReference(text));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new CommandFailure(`error parsing name for manifest list ${text}: ${error.message}`, 1, error);
  }
}
