/** `manifest push`. */
import { createHash } from 'node:crypto';
import { exactArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { booleanFlag } from '#cli/flags/scalar-flags.ts';
import { blobsOf, documentText, listText, wholeText, type ManifestEntry } from '#cli/manifest/manifest-entry.ts';
import { ManifestRegistry } from '#cli/manifest/manifest-registry.ts';
import { ManifestStore, unknownList } from '#cli/manifest/manifest-store.ts';
import { canonicalName, parseReference, repositoryOf, withDefaultTag, withDigest, type ImageReference } from '#oci/reference.ts';
import type { Repository } from '#registry/repository.ts';

export const command = defineCommand({
  usage: 'push [OPTIONS] MANIFEST_LIST',
  positional: exactArguments(1),
  flags: {
    insecure: booleanFlag({ text: 'Allow push to an insecure registry' }),
    purge: booleanFlag({ short: 'p', text: 'Remove the local manifest list after push' }),
  },
  async run({ arguments: [name = ''], flags, configuration, environment, stdout, signal }) {
    const target = withDefaultTag(parseReference(name));
    const store = new ManifestStore(configuration.directory);
    const entries = store.list(target);
    if (entries === undefined) throw unknownList(target);
    const list = listText(target, entries, { complete: true });
    const foreign = entries.filter(({ Ref }) => parseReference(Ref).path !== target.path);
    const documents = foreign.map((entry) => ({ entry, bytes: verifiedBytes(entry) }));
    const registry = new ManifestRegistry({ configuration, environment, insecure: flags.insecure, signal });
    using repository = await registry.open(target);
    for (const entry of foreign) await mountBlobs(registry, repository, entry, target);
    for (const { entry, bytes } of documents) {
      const { digest, mediaType } = entry.Descriptor;
      const reference = wholeText(withDigest(repositoryOf(target), digest));
      await put(repository, digest, { bytes, mediaType, name: reference, signal });
      stdout.writeLine(`Pushed ref ${reference} with digest: ${digest}`);
    }
    const bytes = Buffer.from(list.text);
    await put(repository, target.tag ?? target.digest ?? '', { bytes, mediaType: list.mediaType, name: wholeText(target), signal });
    stdout.writeLine(digestOf(bytes));
    if (flags.purge) store.remove(target);
    return 0;
  },
});

async function mountBlobs(registry: ManifestRegistry, repository: Repository, entry: ManifestEntry, target: ImageReference): Promise<void> {
  const source = parseReference(entry.Ref);
  for (const digest of blobsOf(entry)) {
    const from = `${source.path}@${digest}`;
    let mounted: boolean;
    try {
      mounted = await registry.mount(repository, digest, source.path);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw new CommandFailure(`failed to mount blob ${from} to ${wholeText(target)}: ${error.message}`, 1, error);
    }
    // Their layers may be of a kind that no registry gives away.
    if (!mounted && entry.Descriptor.platform?.os !== 'windows') throw new CommandFailure(`error mounting ${from} to ${wholeText(target)}`);
  }
}

async function put(repository: Repository, reference: string, document: { bytes: Buffer; mediaType: string; name: string; signal: AbortSignal }): Promise<void> {
  try {
    await repository.putManifest(reference, document, document.signal);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new CommandFailure(`failed to put manifest ${document.name}: ${error.message}`, 1, error);
  }
}

function verifiedBytes(entry: ManifestEntry): Buffer {
  const bytes = Buffer.from(documentText(entry));
  const actual = digestOf(bytes);
  const expected = entry.Descriptor.digest;
  if (actual !== expected) throw new CommandFailure(`internal digest mismatch for ${canonicalName(parseReference(entry.Ref))}: expected ${expected}, got ${actual}`);
  return bytes;
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
