/** `cp` and `container cp`. */
import { cleanPath, splitEntry } from '#base/go-path.ts';
import type { ContainerPathStat } from '#schema/archive-views.ts';
import { ApiError } from '#client/client-error.ts';
import { exactArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand, type Invocation } from '#cli/command.ts';
import { CopyProgress } from '#cli/copy/copy-progress.ts';
import { checkOutputPath, localDestination, localSource, planCopy, rebase, resolveLocal } from '#cli/copy/copy-place.ts';
import { packLocal } from '#cli/copy/pack-local.ts';
import { unpackLocal } from '#cli/copy/unpack-local.ts';
import { booleanFlag } from '#cli/flags/scalar-flags.ts';

/** Bits of Go's `fs.FileMode`. */
const modeBits = { directory: 2 ** 31, symlink: 2 ** 27, device: 2 ** 26, irregular: 2 ** 19 };
const has = ({ mode }: ContainerPathStat, bit: number): boolean => Math.floor(mode / bit) % 2 === 1;

type Surroundings = Pick<Invocation, 'client' | 'stdin' | 'stdout' | 'stderr' | 'signal'>;

interface Copy {
  readonly container: string;
  readonly source: string;
  readonly destination: string;
  readonly followLink: boolean;
  readonly copyUidGid: boolean;
  readonly quiet: boolean;
}

export const command = defineCommand({
  usage: 'cp [OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tdocker cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH',
  description: [
    'Copy files/folders between a container and the local filesystem',
    '',
    "Use '-' as the source to read a tar archive from stdin",
    'and extract it to a directory destination in a container.',
    "Use '-' as the destination to stream a tar archive of a",
    'container source to stdout.',
  ].join('\n'),
  positional: exactArguments(2),
  flags: {
    archive: booleanFlag({ short: 'a', text: 'Archive mode (copy all uid/gid information)' }),
    'follow-link': booleanFlag({ short: 'L', text: 'Always follow symbol link in SRC_PATH' }),
    quiet: booleanFlag({ short: 'q', text: 'Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached' }),
  },
  async run(invocation) {
    const { flags, arguments: [from = '', to = ''], given, stdout } = invocation;
    if (from === '') throw new CommandFailure('source can not be empty');
    if (to === '') throw new CommandFailure('destination can not be empty');
    const source = splitArgument(from);
    const destination = splitArgument(to);
    if (source.container !== '' && destination.container !== '') throw new CommandFailure('copying between containers is not supported');
    if (source.container === '' && destination.container === '') throw new CommandFailure('must specify at least one container source');
    const copy = {
      container: source.container + destination.container,
      source: source.path,
      destination: destination.path,
      followLink: flags['follow-link'],
      copyUidGid: flags.archive,
      quiet: given('quiet') ? flags.quiet : !stdout.isTerminal,
    };
    await (source.container === '' ? copyIn : copyOut)(invocation, copy);
    return 0;
  },
});

/** `CONTAINER:PATH`; what is absolute or begins with a dot is a path of this machine. */
function splitArgument(text: string): { container: string; path: string } {
  const colon = text.indexOf(':');
  if (colon < 0 || text.startsWith('/') || text.startsWith('.')) return { container: '', path: text };
  return { container: text.slice(0, colon), path: text.slice(colon + 1) };
}

async function copyOut({ client, stdout, stderr, signal }: Surroundings, copy: Copy): Promise<void> {
  const destination = copy.destination === '-' ? '-' : resolveLocal(copy.destination);
  if (destination !== '-') checkOutputPath(destination);
  let source = { path: copy.source, rebaseName: '' };
  if (copy.followLink) {
    const stat = await statOf(client, copy.container, copy.source, signal);
    if (stat !== undefined && has(stat, modeBits.symlink)) source = rebase(copy.source, linkTargetOf(stat, copy.source));
  }
  const { stat, archive } = await client.archives.copyOut(copy.container, source.path, signal);
  if (destination === '-') {
    for await (const part of archive) await stdout.stream(part);
    return;
  }
  const unpack = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
    const { base } = splitEntry(source.path);
    const place = { path: source.path, isDirectory: has(stat, modeBits.directory), rebaseName: source.rebaseName };
    const { directory, renaming } = planCopy(place, localDestination(destination));
    const asked = source.rebaseName === '' ? [] : [{ from: base === '/' ? '' : base, to: source.rebaseName }];
    await unpackLocal(chunks, directory, [...asked, ...renaming]);
  };
  await withProgress({ stderr, quiet: copy.quiet, target: destination }, archive, unpack);
}

async function copyIn({ client, stdin, stderr, signal }: Surroundings, copy: Copy): Promise<void> {
  const { container, copyUidGid } = copy;
  let path = copy.destination;
  let stat = await statOf(client, container, path, signal);
  if (stat !== undefined && has(stat, modeBits.symlink)) {
    path = linkTargetOf(stat, path);
    stat = await statOf(client, container, path, signal);
  }
  const fault = stat === undefined ? undefined : has(stat, modeBits.device) ? 'got a device' : has(stat, modeBits.irregular) ? 'got an irregular file' : undefined;
  if (fault !== undefined) throw new CommandFailure(`destination "${container}:${copy.destination}" must be a directory or a regular file: ${fault}`);
  const place = { path, exists: stat !== undefined, isDirectory: stat !== undefined && has(stat, modeBits.directory) };
  const send = async (directory: string, chunks: AsyncIterable<Uint8Array>): Promise<void> =>
    client.archives.copyIn(container, directory, chunks, { noOverwriteDirNonDir: true, copyUidGid, signal });
  if (copy.source === '-') {
    if (!place.isDirectory) throw new CommandFailure(`destination "${container}:${copy.destination}" must be a directory`);
    return await send(path, stdin.stream);
  }
  const source = localSource(resolveLocal(copy.source), copy.followLink);
  const { directory, renaming } = planCopy(source, place);
  const warn = (text: string): void => stderr.writeLine(`time=${JSON.stringify(new Date().toISOString().replace(/\.\d+/, ''))} level=error msg=${JSON.stringify(text)}`);
  await withProgress({ stderr, quiet: copy.quiet, target: `${container}:${path}` }, packLocal(source, renaming, warn), (chunks) => send(directory, chunks));
}

async function withProgress(
  { stderr, quiet, target }: { stderr: Invocation['stderr']; quiet: boolean; target: string },
  chunks: AsyncIterable<Uint8Array>,
  work: (chunks: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  if (quiet) return await work(chunks);
  const progress = new CopyProgress();
  try {
    await work(progress.counted(chunks));
  } finally {
    stderr.writeLine(`Successfully copied ${progress.total} to ${target}`);
  }
}

/** Undefined when the daemon cannot say: the copy itself then tells why. */
async function statOf(client: Invocation['client'], container: string, path: string, signal: AbortSignal): Promise<ContainerPathStat | undefined> {
  try {
    return await client.archives.stat(container, path, signal);
  } catch (error) {
    if (error instanceof ApiError) return undefined;
    throw error;
  }
}

function linkTargetOf({ linkTarget }: ContainerPathStat, path: string): string {
  return linkTarget.startsWith('/') ? linkTarget : cleanPath(`${splitEntry(path).directory}/${linkTarget}`);
}
