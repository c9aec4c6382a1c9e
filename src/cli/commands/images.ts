/** `images` and `image ls`. */
import { maximumArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand, type Command } from '#cli/command.ts';
import { filterFlag } from '#cli/flags/list-flags.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { listFormatText } from '#cli/format/format-texts.ts';
import { imageContext, imageFormat, imageRows, isDangling } from '#cli/format/image-context.ts';
import { renderList } from '#cli/format/render-list.ts';
import { quoteText } from '#base/template/go-quote.ts';
import { bytesOfText } from '#base/template/go-text.ts';
import type { Client } from '#client/client.ts';
import { filtersText } from '#client/query.ts';
import type { Output } from '#cli/streams/output.ts';

type Filters = Readonly<Record<string, readonly string[]>>;

/** Words that are commands of the group `image`, not names. */
const groupCommands = ['build', 'history', 'import', 'inspect', 'list', 'load', 'ls', 'prune', 'pull', 'push', 'rm', 'save', 'tag'];

const listImages = (name: string): Command => defineCommand({
  usage: `${name} [OPTIONS] [REPOSITORY[:TAG]]`,
  positional: maximumArguments(1),
  flags: {
    all: booleanFlag({ short: 'a', text: 'Show all images (default hides intermediate images)' }),
    digests: booleanFlag({ text: 'Show digests' }),
    filter: filterFlag({ short: 'f', text: 'Filter output based on conditions provided' }),
    format: textFlag({ text: listFormatText }),
    'no-trunc': booleanFlag({ text: "Don't truncate output" }),
    quiet: booleanFlag({ short: 'q', text: 'Only show image IDs' }),
    tree: booleanFlag({ text: 'List multi-platform images as a tree (EXPERIMENTAL)', requires: { version: '1.47' } }),
  },
  async run({ client, configuration, flags, arguments: [wanted = ''], stdout, stderr, signal }) {
    const { quiet, digests } = flags;
    const filters: Filters = wanted === '' ? flags.filter : { ...flags.filter, reference: [...flags.filter['reference'] ?? [], wanted] };
    if (flags.tree) {
      const refused = quiet ? '--quiet' : flags['no-trunc'] ? '--no-trunc' : digests ? '--show-digest' : flags.format === '' ? undefined : '--format';
      if (refused !== undefined) throw new CommandFailure(`${refused} is not yet supported with --tree`);
      return await showTree(client, { all: flags.all, filters, stdout, signal });
    }
    const listed = await client.images.list({ all: flags.all, filters, signal });
    // Docker's list does not count containers, though newer daemons tell their number.
    const images = listed.map((image) => ({ ...image, Containers: -1 }));
    const configured = quiet ? '' : configuration.file.imagesFormat ?? '';
    const format = flags.format === '' ? configured === '' ? 'table' : configured : flags.format;
    const chosen = imageFormat(format, { quiet, digests });
    const rows = images.flatMap((image) => imageRows(image, { truncate: !flags['no-trunc'], digests, format: chosen.format }));
    stdout.write(bytesOfText(renderList(chosen, rows.map(imageContext.value))));
    if (name === 'images' && images.length === 0 && groupCommands.includes(wanted)) {
      stderr.write(`\nNo images found matching ${quoteText(wanted)}: did you mean "docker image ${wanted}"?\n`);
    }
    return 0;
  },
});

async function showTree(
  client: Client, { all, filters, stdout, signal }: { all: boolean; filters: Filters; stdout: Output; signal: AbortSignal },
): Promise<number> {
  const { renderImageTree } = await import('#cli/format/image-tree.ts');
  const images = await client.transport.json<Parameters<typeof renderImageTree>[0]>({
    method: 'GET', path: '/images/json', signal, query: { all: all || undefined, filters: filtersText(filters), manifests: true },
  });
  const shown = all ? images : images.filter((image) => !isDangling(image));
  stdout.write(renderImageTree(shown, { isTerminal: stdout.isTerminal, columns: stdout.size.columns }));
  return 0;
}

/** `images`. */
export const command = listImages('images');
/** `image ls`. */
export const listCommand = listImages('ls');
