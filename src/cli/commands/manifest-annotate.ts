/** `manifest annotate`. */
import { exactArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { textsFlag } from '#cli/flags/list-flags.ts';
import { textFlag } from '#cli/flags/scalar-flags.ts';
import { ManifestStore } from '#cli/manifest/manifest-store.ts';
import { parseReference, withDefaultTag, type ImageReference } from '#oci/reference.ts';
import type { PlatformView } from '#schema/registry-views.ts';

const architectures: Readonly<Record<string, readonly string[]>> = {
  darwin: ['386', 'amd64', 'arm', 'arm64'],
  dragonfly: ['amd64'],
  freebsd: ['386', 'amd64', 'arm'],
  linux: ['386', 'amd64', 'arm', 'arm64', 'ppc64le', 'mips64', 'mips64le', 'riscv64', 's390x'],
  netbsd: ['386', 'amd64', 'arm'],
  openbsd: ['386', 'amd64', 'arm'],
  plan9: ['386', 'amd64'],
  solaris: ['amd64'],
  windows: ['386', 'amd64'],
};

export const command = defineCommand({
  usage: 'annotate [OPTIONS] MANIFEST_LIST MANIFEST',
  positional: exactArguments(2),
  flags: {
    arch: textFlag({ text: 'Set architecture' }),
    os: textFlag({ text: 'Set operating system' }),
    'os-features': textsFlag({ text: 'Set operating system feature' }),
    'os-version': textFlag({ text: 'Set operating system version' }),
    variant: textFlag({ text: 'Set architecture variant' }),
  },
  async run({ arguments: [target = '', image = ''], flags, configuration }) {
    const list = read(target, 'manifest list');
    const reference = read(image, 'manifest');
    const store = new ManifestStore(configuration.directory);
    const entry = store.get(list, reference);
    if (entry === undefined) throw new CommandFailure(`manifest for image ${image} does not exist in ${target}`);
    const before: Partial<PlatformView> = entry.Descriptor.platform ?? {};
    const architecture = flags.arch || (before.architecture ?? '');
    const os = flags.os || (before.os ?? '');
    const version = flags['os-version'] || before['os.version'];
    const features = [...new Set([...(before['os.features'] ?? []), ...flags['os-features']])];
    const variant = flags.variant || before.variant;
    if (architectures[os]?.includes(architecture) !== true) throw new CommandFailure(`manifest entry for image has unsupported os/arch combination: ${flags.os}/${flags.arch}`);
    const platform: PlatformView = {
      architecture,
      os,
      ...(version === undefined || version === '' ? {} : { 'os.version': version }),
      ...(features.length === 0 ? {} : { 'os.features': features }),
      ...(variant === undefined || variant === '' ? {} : { variant }),
    };
    store.save(list, reference, { ...entry, Descriptor: { ...entry.Descriptor, platform } });
    return await Promise.resolve(0);
  },
});

function read(text: string, what: string): ImageReference {
  try {
    return withDefaultTag(parseReference(text));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new CommandFailure(`annotate: error parsing name for ${what} ${text}: ${error.message}`, 1, error);
  }
}
