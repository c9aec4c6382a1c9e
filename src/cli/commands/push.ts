/** `push` and `image push`. */
import { exactArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { credentialKey, CredentialStore, encodeAuthorization } from '#cli/credentials/credential-store.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { writeNote } from '#cli/format/note.ts';
import { completeReference, fullName, parseImageReference, referenceText } from '#cli/image-reference.ts';
import { displayProgress, drainProgress } from '#cli/progress-display.ts';
import { parsePlatform } from '#oci/platform.ts';

const platformHint = `Using --platform pushes only the specified platform manifest of a multi-platform image index.
Other components, like attestations, will not be included.
To push the complete multi-platform image, remove the --platform flag.
`;

export const command = defineCommand({
  usage: 'push [OPTIONS] NAME[:TAG]',
  positional: exactArguments(1),
  flags: {
    'all-tags': booleanFlag({ short: 'a', text: 'Push all tags of an image to the repository' }),
    'disable-content-trust': booleanFlag({ text: 'Skip image signing', initial: true }),
    platform: textFlag({
      text: "Push a platform-specific manifest as a single-platform image to the registry.\nImage index won't be pushed, meaning that other manifests, including attestations won't be preserved.\n'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
      requires: { version: '1.46' },
    }),
    quiet: booleanFlag({ short: 'q', text: 'Suppress verbose output' }),
  },
  async run({ client, arguments: [name = ''], flags, environment, configuration, stdout, stderr, signal }) {
    const platform = readPlatform(flags.platform, (text) => stderr.write(text));
    if (platform !== undefined) writeNote(stdout, platformHint);
    const named = parseImageReference(name);
    const isNameOnly = named.tag === '' && named.digest === '';
    if (flags['all-tags'] && !isNameOnly) throw new CommandFailure("tag can't be used with --all-tags/-a");
    const reference = flags['all-tags'] ? named : completeReference(named);
    if (!flags['all-tags'] && isNameOnly && !flags.quiet) stdout.writeLine(`Using default tag: ${reference.tag}`);
    if (reference.digest !== '') throw new CommandFailure('cannot push a digest reference');
    // As Docker: credentials that cannot be had are none.
    const credentials = await new CredentialStore(configuration, environment).get(credentialKey(reference.domain)).catch(() => ({}));
    const messages = await client.images.push({ image: reference.name, tag: reference.tag }, { authorization: encodeAuthorization(credentials), platform, signal });
    const notes: string[] = [];
    const onAux = (aux: unknown): void => void notes.push(...notesOf(aux));
    try {
      if (flags.quiet) {
        await drainProgress(messages, onAux);
        stdout.writeLine(referenceText({ ...reference, name: fullName(reference) }));
      } else await displayProgress(messages, stdout, onAux);
    } finally {
      for (const note of notes) writeNote(stdout, note);
    }
    return 0;
  },
});

function readPlatform(text: string, complain: (text: string) => void): string | undefined {
  try {
    return text === '' ? undefined : platformText(text);
  } catch (error) {
    complain(`Invalid platform ${text}`);
    throw error;
  }
}

/** As the API takes it. */
function platformText(text: string): string {
  const { os, architecture, variant, osVersion } = parsePlatform(text);
  return JSON.stringify({ architecture, os, ...(osVersion === undefined ? {} : { 'os.version': osVersion }), ...(variant === undefined ? {} : { variant }) });
}

/** What the daemon says besides progress that a user should know. */
function notesOf(aux: unknown): string[] {
  const { manifestPushedInsteadOfIndex, originalIndex, selectedManifest } = (aux ?? {}) as {
    manifestPushedInsteadOfIndex?: unknown;
    originalIndex?: { digest?: unknown };
    selectedManifest?: { digest?: unknown };
  };
  if (manifestPushedInsteadOfIndex !== true) return [];
  return [`Not all multiplatform-content is present and only the available single-platform image was pushed\n\u001B[31m${String(originalIndex?.digest)}\u001B[0m -> \u001B[32m${String(selectedManifest?.digest)}\u001B[0m`];
}
