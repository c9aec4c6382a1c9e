/** `registry gc`: has a running registry collect its garbage, through the socket in its storage. */
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { humanSize } from '#base/human-size.ts';
import { noArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { defaultContainer, storageOf } from '#cli/registry/registry-container.ts';
import { askOverSocket } from '#cli/registry/ask-over-socket.ts';

const defaultStorage = '/var/lib/dhow-registry';

interface Report {
  readonly manifests: number;
  readonly blobs: number;
  readonly bytes: number;
  readonly uploads: number;
}

export const command = defineCommand({
  usage: 'gc [OPTIONS]',
  description: 'Remove blobs nothing refers to and forgotten uploads from a running registry, beside its clients',
  positional: noArguments,
  flags: {
    grace: textFlag({ text: "Time for which new and used content is left alone (default: the server's)" }),
    name: textFlag({ text: 'Container of "registry up"', initial: defaultContainer }),
    storage: textFlag({ text: 'Storage of a "registry serve" on this machine' }),
    untagged: booleanFlag({ text: 'Remove manifests without a tag, too' }),
  },
  async run({ client, flags, given, stdout, signal }) {
    const storage = flags.storage !== '' ? resolve(flags.storage) : !given('name') && (await isServed(defaultStorage)) ? defaultStorage : await storageOf(client, flags.name, signal);
    const query = new URLSearchParams({ untagged: String(flags.untagged), ...(flags.grace === '' ? {} : { grace: flags.grace }) });
    const { status, document } = await askOverSocket(join(storage, 'control.sock'), `/garbage?${query.toString()}`, signal).catch((error: unknown) => {
      throw new CommandFailure(`no registry server answers for the storage ${storage} on this machine: start it, or name another with --storage`, 1, error);
    });
    if (status !== 200) throw new CommandFailure((document as { message: string }).message);
    const report = document as Report;
    stdout.writeLine(`Removed ${report.blobs} blobs, ${report.manifests} manifests and ${report.uploads} unfinished uploads`);
    stdout.writeLine(`Total reclaimed space: ${humanSize(report.bytes)}`);
    return 0;
  },
});

async function isServed(storage: string): Promise<boolean> {
  const { promise, resolve: settle } = Promise.withResolvers<boolean>();
  const socket = connect({ path: join(storage, 'control.sock') }, () => settle(true));
  socket.once('error', () => settle(false));
  return await promise.finally(() => socket.destroy());
}
