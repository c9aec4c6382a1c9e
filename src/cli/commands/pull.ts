/** `pull`. */
import { exactArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { pullImage } from '#cli/container/pull-image.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { completeReference, fullName, parseImageReference, referenceText } from '#cli/image-reference.ts';

export const command = defineCommand({
  usage: 'pull [OPTIONS] NAME[:TAG|@DIGEST]',
  positional: exactArguments(1),
  flags: {
    'all-tags': booleanFlag({ short: 'a', text: 'Download all tagged images in the repository' }),
    'disable-content-trust': booleanFlag({ text: 'Skip image verification', initial: true }),
    platform: textFlag({ text: 'Set platform if server is multi-platform capable' }),
    quiet: booleanFlag({ short: 'q', text: 'Suppress verbose output' }),
  },
  async run({ client, arguments: [name = ''], flags, given, environment, configuration, program, stdin, stdout, stderr, signal }) {
    const named = parseImageReference(name);
    const isNameOnly = named.tag === '' && named.digest === '';
    if (flags['all-tags'] && !isNameOnly) throw new CommandFailure("tag can't be used with --all-tags/-a");
    const reference = flags['all-tags'] ? named : completeReference(named);
    if (!flags['all-tags'] && isNameOnly && !flags.quiet) stdout.writeLine('Using default tag: latest');
    await pullImage({
      client, reference, configuration, environment, stderr, signal,
      platform: given('platform') ? flags.platform : (environment['DOCKER_DEFAULT_PLATFORM'] ?? ''),
      progress: flags.quiet ? undefined : stdout,
      mayBootstrap: program === 'dhow',
      onUnauthorized: async () => {
        const { promptPriorTo } = await import('#cli/credentials/prompt-for-credentials.ts');
        return await promptPriorTo('pull', reference.domain, { stdin, stdout, stderr, environment, configuration, signal });
      },
    });
    stdout.writeLine(referenceText({ ...reference, name: fullName(reference) }));
    return 0;
  },
});
