/** `registry up`: a registry as people run one today, a container that is always restarted, with its images in a volume. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Client } from '#client/client.ts';
import { noArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { textFlag } from '#cli/flags/scalar-flags.ts';
import { configurationLabel, defaultContainer, findRegistry, publishedAddress, storageInContainer } from '#cli/registry/registry-container.ts';
import { serverDocument, serverFlags } from '#cli/registry/server-flags.ts';
import { ensureServerImage } from '#cli/registry/server-image.ts';
import { dhowVersion } from '#cli/version.ts';

const port = 5000;
const image = { repository: 'dhow/registry', tag: dhowVersion };
const configurationInContainer = '/etc/dhow-registry';
/** Milliseconds between two looks at a container that starts. */
const lookEvery = 100;

export const command = defineCommand({
  usage: 'up [OPTIONS]',
  description: 'Run a registry as a container that is always restarted, with its images in a volume. Its image is made from this installation',
  positional: noArguments,
  flags: {
    ...serverFlags,
    name: textFlag({ text: 'Name of the container', initial: defaultContainer }),
    publish: textFlag({ short: 'p', text: 'Port of the host, or ADDRESS:PORT', initial: String(port) }),
    volume: textFlag({ short: 'v', text: 'Volume, or absolute path of a directory, for the images', initial: 'dhow-registry' }),
  },
  async run({ client, flags, stdout, stderr, signal }) {
    const binds: string[] = [];
    const mount = (path: string, name: string): string => {
      const source = resolve(path);
      if (!existsSync(source)) throw new CommandFailure(`${source} does not exist`);
      binds.push(`${source}:${configurationInContainer}/${name}:ro`);
      return `${configurationInContainer}/${name}`;
    };
    const document = { ...serverDocument(flags, (flag, path) => mount(path, flag)), listen: `:${port}`, storage: storageInContainer };
    const arguments_ = ['serve', ...(flags.config === '' ? [] : ['--config', mount(flags.config, 'config.json')]), JSON.stringify(document)];
    const [, address = '', hostPort] = /^(?:(\[[^\]]+\]|[^:]+):)?(\d{1,5})$/.exec(flags.publish) ?? [];
    if (hostPort === undefined) throw new CommandFailure(`--publish takes a port or ADDRESS:PORT, not "${flags.publish}"`);

    const made = await ensureServerImage(client, image, signal);
    if (made) stderr.writeLine(`dhow: made the image ${image.repository}:${image.tag}`);
    const body = {
      Image: `${image.repository}:${image.tag}`,
      Cmd: arguments_,
      ExposedPorts: { [`${port}/tcp`]: {} },
      HostConfig: {
        Binds: [`${flags.volume}:${storageInContainer}`, ...binds],
        PortBindings: { [`${port}/tcp`]: [{ HostIp: address.replace(/^\[(.*)\]$/, '$1'), HostPort: hostPort }] },
        RestartPolicy: { Name: 'always', MaximumRetryCount: 0 },
      },
    };
    const configuration = createHash('sha256').update(JSON.stringify(body)).digest('hex').slice(0, 16);
    const old = await findRegistry(client, flags.name, signal);
    if (old !== undefined && !made && old.State.Running && old.Config.Labels[configurationLabel] === configuration) {
      stdout.writeLine(`The registry "${flags.name}" runs already on ${publishedAddress(old) ?? 'no port'}`);
      return 0;
    }
    if (old !== undefined) await removeRegistry(client, old.Id, signal);
    const { Id } = await client.containers.create({ ...body, Labels: { [configurationLabel]: configuration } } as never, { name: flags.name, signal });
    try {
      await client.containers.start(Id, { signal });
      await serves(client, Id, signal);
    } catch (error) {
      await client.containers.remove(Id, { force: true });
      throw error;
    }
    stdout.writeLine(`The registry "${flags.name}" serves on ${publishedAddress(await client.containers.inspect(Id, { signal })) ?? flags.publish}, its images are in ${flags.volume}`);
    return 0;
  },
});

async function removeRegistry(client: Client, id: string, signal: AbortSignal): Promise<void> {
  await client.containers.stop(id, { signal });
  await client.containers.remove(id, { force: true, signal });
}

/** @throws CommandFailure with what the server has said when it ends */
async function serves(client: Client, id: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const said = await messagesOf(client, id, signal);
    if (said.some((message) => message.startsWith('serving '))) return;
    const { State, RestartCount } = await client.containers.inspect(id, { signal });
    if (!State.Running || RestartCount > 0) throw new CommandFailure(`the registry does not start: ${said.at(-1) ?? State.Error}`);
    await new Promise((settle) => setTimeout(settle, lookEvery));
    signal.throwIfAborted();
  }
}

async function messagesOf(client: Client, id: string, signal: AbortSignal): Promise<string[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of await client.containers.logs(id, { stderr: true, signal })) chunks.push(chunk);
  const messages: string[] = [];
  const all = Buffer.concat(chunks);
  for (let at = 0; at + 8 <= all.length; ) {
    const length = all.readUInt32BE(at + 4);
    messages.push(...all.toString('utf8', at + 8, at + 8 + length).split('\n').filter((line) => line !== '').map(messageIn));
    at += 8 + length;
  }
  return messages;
}

function messageIn(line: string): string {
  try {
    return String((JSON.parse(line) as { message?: unknown }).message ?? line);
  } catch {
    // Node itself speaks plainly.
    return line;
  }
}
