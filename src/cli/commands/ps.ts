/** `ps` and `container ls`. */
import { noArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand, type Command } from '#cli/command.ts';
import { filterFlag } from '#cli/flags/list-flags.ts';
import { booleanFlag, integerFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { containerContext, containerFormat } from '#cli/format/container-context.ts';
import { listFormatText } from '#cli/format/format-texts.ts';
import { renderList } from '#cli/format/render-list.ts';
import type { ContainerSummary } from '#schema/container-config.ts';
import { isFailure } from '#base/errors/failure.ts';
import { dockerFunctions } from '#base/template/docker-functions.ts';
import { bytesOfText } from '#base/template/go-text.ts';
import { Template } from '#base/template/template.ts';

/** A container of nothing: what a format is tried on. */
const blank: ContainerSummary = {
  Id: '', Names: [], Image: '', ImageID: '', Command: '', Created: 0, Ports: [], Labels: {}, State: 'created', Status: '',
  HostConfig: { NetworkMode: '' }, NetworkSettings: { Networks: {} }, Mounts: [],
};

/** Whether a format shows sizes, which are costly to find out. @throws CommandFailure for a format that is wrong */
function showsSize(format: string): boolean {
  let shows = false;
  const onSize = (): void => {
    shows = true;
  };
  let step = 'parse';
  try {
    const template = new Template('', format, dockerFunctions);
    step = 'execute';
    template.execute(containerContext.value({ container: blank, truncate: false, onSize }));
  } catch (error) {
    if (!isFailure(error, 'template.syntax') && !isFailure(error, 'template.execution')) throw error;
    throw new CommandFailure(`failed to ${step} template: ${error.message}`, 1, error);
  }
  return shows;
}

const listContainers = (name: string): Command => defineCommand({
  usage: `${name} [OPTIONS]`,
  positional: noArguments,
  flags: {
    all: booleanFlag({ short: 'a', text: 'Show all containers (default shows just running)' }),
    filter: filterFlag({ short: 'f', text: 'Filter output based on conditions provided' }),
    format: textFlag({ text: listFormatText }),
    last: integerFlag({ short: 'n', initial: -1, text: 'Show n last created containers (includes all states)' }),
    latest: booleanFlag({ short: 'l', text: 'Show the latest created container (includes all states)' }),
    'no-trunc': booleanFlag({ text: "Don't truncate output" }),
    quiet: booleanFlag({ short: 'q', text: 'Only display container IDs' }),
    size: booleanFlag({ short: 's', text: 'Display total file sizes' }),
  },
  async run({ client, configuration, flags, given, stdout, stderr, signal }) {
    if (flags.format !== '' && flags.quiet) {
      stderr.writeLine('WARNING: Ignoring custom format, because both --format and --quiet are set.');
    }
    const format = flags.format === '' ? configuration.file.psFormat ?? '' : flags.format;
    const wantsSize = format !== '' && showsSize(format) && !flags.quiet && !given('size');
    const size = flags.size || wantsSize;
    const limit = flags.latest && flags.last === -1 ? 1 : flags.last;
    const containers = await client.containers.list({ all: flags.all, limit, size, filters: flags.filter, signal });
    const rows = containers.map((container) => containerContext.value({ container, truncate: !flags['no-trunc'] }));
    stdout.write(bytesOfText(renderList(containerFormat(format, { quiet: flags.quiet, size }), rows)));
    return 0;
  },
});

/** `ps`. */
export const command = listContainers('ps');
/** `container ls`. */
export const listCommand = listContainers('ls');
