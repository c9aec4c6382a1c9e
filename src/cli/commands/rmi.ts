/** `rmi` and `image rm`. */
import { ApiError } from '#client/client-error.ts';
import { minimumArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand, type Command } from '#cli/command.ts';
import { errorText } from '#cli/error-text.ts';
import { listFlag } from '#cli/flags/list-flags.ts';
import { booleanFlag } from '#cli/flags/scalar-flags.ts';
import { parsePlatform, platformText } from '#cli/format/platform-text.ts';

const removeImages = (name: string): Command => defineCommand({
  usage: `${name} [OPTIONS] IMAGE [IMAGE...]`,
  positional: minimumArguments(1),
  flags: {
    force: booleanFlag({ short: 'f', text: 'Force removal of the image' }),
    'no-prune': booleanFlag({ text: 'Do not delete untagged parents' }),
    platform: listFlag({ type: 'strings', text: platformText('Remove only'), requires: { version: '1.50' } }),
  },
  async run({ client, flags, arguments: images, stdout, stderr, signal }) {
    const platforms = flags.platform.flatMap((list) => list.split(',')).flatMap((text) => parsePlatform(text, '') ?? []);
    const errors: string[] = [];
    let allAbsent = true;
    for (const image of images) {
      try {
        const done = await client.images.remove(image, { force: flags.force, prune: !flags['no-prune'], platforms, signal });
        for (const entry of done) stdout.writeLine('Deleted' in entry ? `Deleted: ${entry.Deleted}` : `Untagged: ${entry.Untagged}`);
      } catch (error) {
        if (!(error instanceof ApiError && error.status === 404)) allAbsent = false;
        errors.push(errorText(error));
      }
    }
    if (errors.length === 0) return 0;
    if (!flags.force || !allAbsent) throw new CommandFailure(errors.join('\n'));
    stderr.writeLine(errors.join('\n'));
    return 0;
  },
});

/** `rmi`. */
export const command = removeImages('rmi');
/** `image rm`. */
export const groupCommand = removeImages('rm');
