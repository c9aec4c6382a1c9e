/** `manifest inspect`. */
import { rangeOfArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { booleanFlag } from '#cli/flags/scalar-flags.ts';
import { documentText, listText, type ManifestEntry } from '#cli/manifest/manifest-entry.ts';
import { ManifestRegistry } from '#cli/manifest/manifest-registry.ts';
import { ManifestStore, unknownList } from '#cli/manifest/manifest-store.ts';
import { parseReference, withDefaultTag } from '#oci/reference.ts';

export const command = defineCommand({
  usage: 'inspect [OPTIONS] [MANIFEST_LIST] MANIFEST',
  positional: rangeOfArguments(1, 2),
  flags: {
    insecure: booleanFlag({ text: 'Allow communication with an insecure registry' }),
    verbose: booleanFlag({ short: 'v', text: 'Output additional info including layers and platform' }),
  },
  async run({ arguments: names, flags, configuration, environment, stdout, signal }) {
    const [listName, name] = names.length === 2 ? names : [undefined, names[0]];
    const reference = withDefaultTag(parseReference(name ?? ''));
    const store = new ManifestStore(configuration.directory);
    const showImage = (entry: ManifestEntry): void => stdout.writeLine(JSON.stringify(flags.verbose ? entry : JSON.parse(documentText(entry)), null, '\t'));
    const showList = (entries: readonly ManifestEntry[]): void =>
      stdout.writeLine(flags.verbose ? JSON.stringify(entries, null, '\t') : listText(reference, entries, { complete: false }).text);
    if (listName !== undefined) {
      const entry = store.get(withDefaultTag(parseReference(listName)), reference);
      if (entry === undefined) throw unknownList(reference);
      showImage(entry);
      return 0;
    }
    const local = store.list(reference);
    if (local !== undefined) {
      showList(local);
      return 0;
    }
    const registry = new ManifestRegistry({ configuration, environment, insecure: flags.insecure, signal });
    const image = await registry.image(reference).catch(() => undefined);
    if (image === undefined) showList(await registry.list(reference));
    else showImage(image);
    return 0;
  },
});
