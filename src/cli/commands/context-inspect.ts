/** `context inspect`. */
import { defineCommand } from '#cli/command.ts';
import { metadataText } from '#cli/contexts/context-store.ts';
import { KnownContexts } from '#cli/contexts/known-contexts.ts';
import { textFlag } from '#cli/flags/scalar-flags.ts';
import { inspectFormatText } from '#cli/format/format-texts.ts';
import { inspectObjects, type InspectedObject } from '#cli/format/inspect-objects.ts';
import { contextWithListingType } from '#cli/format/types/client-context-type.ts';
import { encodeText } from '#base/template/go-json.ts';

export const command = defineCommand({
  usage: 'inspect [OPTIONS] [CONTEXT] [CONTEXT...]',
  positional: () => undefined,
  flags: { format: textFlag({ short: 'f', text: inspectFormatText }) },
  async run(invocation) {
    const contexts = new KnownContexts(invocation);
    const names = invocation.arguments.length === 0 ? [contexts.current] : invocation.arguments;
    return await inspectObjects({
      references: names, format: invocation.flags.format, stdout: invocation.stdout,
      find: async (name) => describe(contexts, name),
    });
  },
});

function describe(contexts: KnownContexts, name: string): InspectedObject {
  const metadata = metadataText(contexts.read(name));
  const { metadata: metadataPath, tls: tlsPath } = contexts.storage(name);
  const listing = [...contexts.store.readTls(name)].map(([endpoint, files]) => (
    `${encodeText(endpoint, true)}:[${[...files.keys()].map((file) => encodeText(file, true)).join(',')}]`));
  const storage = `"Storage":{"MetadataPath":${encodeText(metadataPath, true)},"TLSPath":${encodeText(tlsPath, true)}}`;
  const document = `${metadata.slice(0, -1)},"TLSMaterial":{${listing.join(',')}},${storage}}`;
  return { document, type: contextWithListingType, isWhole: true };
}
