/** `build` and `image build`: the classic builder. */
import { rm, writeFile } from 'node:fs/promises';
import { createGzip } from 'node:zlib';
import { Readable } from 'node:stream';
import { humanSize } from '#base/human-size.ts';
import { exactArguments } from '#cli/argument-rule.ts';
import { classicDeprecation } from '#cli/build/classic-deprecation.ts';
import { openContext } from '#cli/build/open-context.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { proxyVariables } from '#cli/container/proxy-variables.ts';
import { CredentialStore, encodeAuthorization } from '#cli/credentials/credential-store.ts';
import { ulimitFlag } from '#cli/flags/device-flags.ts';
import { listFlag, textsFlag } from '#cli/flags/list-flags.ts';
import { booleanFlag, integerFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { bytesFlag, swapBytesFlag } from '#cli/flags/size-flags.ts';
import { validateExtraHost, validateLabel } from '#cli/flags/validators.ts';
import { parseImageReference } from '#cli/image-reference.ts';
import { displayProgress } from '#cli/progress-display.ts';
import type { ProgressMessage } from '#schema/image-views.ts';

function validateTag(text: string): string {
  parseImageReference(text);
  return text;
}

export const command = defineCommand({
  usage: 'build [OPTIONS] PATH | URL | -',
  positional: exactArguments(1),
  flags: {
    'add-host': listFlag({ text: 'Add a custom host-to-IP mapping ("host:ip")', validate: validateExtraHost }),
    'build-arg': listFlag({ text: 'Set build-time variables' }),
    'cache-from': textsFlag({ text: 'Images to consider as cache sources' }),
    'cgroup-parent': textFlag({ text: 'Set the parent cgroup for the "RUN" instructions during build' }),
    compress: booleanFlag({ text: 'Compress the build context using gzip' }),
    'cpu-period': integerFlag({ text: 'Limit the CPU CFS (Completely Fair Scheduler) period' }),
    'cpu-quota': integerFlag({ text: 'Limit the CPU CFS (Completely Fair Scheduler) quota' }),
    'cpu-shares': integerFlag({ short: 'c', text: 'CPU shares (relative weight)' }),
    'cpuset-cpus': textFlag({ text: 'CPUs in which to allow execution (0-3, 0,1)' }),
    'cpuset-mems': textFlag({ text: 'MEMs in which to allow execution (0-3, 0,1)' }),
    'disable-content-trust': booleanFlag({ text: 'Skip image verification', initial: true }),
    file: textFlag({ short: 'f', text: 'Name of the Dockerfile (Default is "PATH/Dockerfile")', candidates: 'files' }),
    'force-rm': booleanFlag({ text: 'Always remove intermediate containers' }),
    iidfile: textFlag({ text: 'Write the image ID to the file', candidates: 'files' }),
    isolation: textFlag({ text: 'Container isolation technology' }),
    label: listFlag({ text: 'Set metadata for an image', validate: validateLabel }),
    memory: bytesFlag({ short: 'm', text: 'Memory limit' }),
    'memory-swap': swapBytesFlag({ text: 'Swap limit equal to memory plus swap: -1 to enable unlimited swap' }),
    network: textFlag({ text: 'Set the networking mode for the RUN instructions during build', initial: 'default' }),
    'no-cache': booleanFlag({ text: 'Do not use cache when building the image' }),
    platform: textFlag({ text: 'Set platform if server is multi-platform capable', requires: { version: '1.38' } }),
    pull: booleanFlag({ text: 'Always attempt to pull a newer version of the image' }),
    quiet: booleanFlag({ short: 'q', text: 'Suppress the build output and print image ID on success' }),
    rm: booleanFlag({ text: 'Remove intermediate containers after a successful build', initial: true }),
    'security-opt': textsFlag({ text: 'Security options' }),
    'shm-size': bytesFlag({ text: 'Size of "/dev/shm"' }),
    squash: booleanFlag({ text: 'Squash newly built layers into a single new layer', requires: { experimental: true, version: '1.25' } }),
    tag: listFlag({ short: 't', text: 'Name and optionally a tag in the "name:tag" format', validate: validateTag }),
    target: textFlag({ text: 'Set the target build stage to build.' }),
    ulimit: ulimitFlag({ text: 'Ulimit options' }),
  },
  preface: () => classicDeprecation,
  async run({ client, configuration, flags, endpoint, environment, arguments: [source = ''], stdin, stdout, stderr, signal }) {
    if (flags.iidfile !== '') await rm(flags.iidfile, { force: true });
    await using opened = new AsyncDisposableStack();
    const context = await openContext(source, flags.file, { stdin: () => stdin.stream, environment, opened, signal });
    const held: string[] = [];
    const show = (text: string): void => void (flags.quiet ? held.push(text) : stdout.write(text));
    const archive = counted(flags.compress ? Readable.from(context.archive).pipe(createGzip()) : context.archive, show);
    const buildArguments = new Map<string, string | null>(proxyVariables(configuration.file.proxies, endpoint));
    for (const text of flags['build-arg']) {
      const cut = text.indexOf('=');
      const name = cut < 0 ? text : text.slice(0, cut);
      buildArguments.set(name, cut < 0 ? (environment[name] ?? null) : text.slice(cut + 1));
    }
    const labels = flags.label.map((text) => (text.includes('=') ? [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)] : [text, '']) as [string, string]);
    const unlessZero = (value: number): number | undefined => (value === 0 ? undefined : value);
    const unlessEmpty = (text: string): string | undefined => (text === '' ? undefined : text);
    const building = client.builds.build(archive, {
      signal,
      configuration: encodeAuthorization(await new CredentialStore(configuration, environment).all((line) => stderr.writeLine(line))),
      query: {
        t: flags.tag, dockerfile: unlessEmpty(context.dockerfile), target: unlessEmpty(flags.target), platform: unlessEmpty(flags.platform.toLowerCase()), networkmode: flags.network,
        q: flags.quiet || undefined, nocache: flags['no-cache'] || undefined, pull: flags.pull || undefined, rm: flags.rm ? '1' : '0', forcerm: flags['force-rm'] || undefined,
        squash: flags.squash || undefined, memory: unlessZero(flags.memory), memswap: unlessZero(flags['memory-swap']), shmsize: unlessZero(flags['shm-size']),
        cpushares: unlessZero(flags['cpu-shares']), cpuperiod: unlessZero(flags['cpu-period']), cpuquota: unlessZero(flags['cpu-quota']),
        cpusetcpus: unlessEmpty(flags['cpuset-cpus']), cpusetmems: unlessEmpty(flags['cpuset-mems']), cgroupparent: unlessEmpty(flags['cgroup-parent']),
        extrahosts: flags['add-host'], securityopt: flags['security-opt'].length === 0 ? undefined : JSON.stringify(flags['security-opt']),
        ulimits: flags.ulimit.length === 0 ? undefined : JSON.stringify(flags.ulimit),
        buildargs: JSON.stringify(Object.fromEntries(buildArguments)), labels: JSON.stringify(Object.fromEntries(labels)),
        cachefrom: flags['cache-from'].length === 0 ? undefined : JSON.stringify(flags['cache-from']),
      },
    });
    const messages = await building.catch((error: unknown) => {
      if (flags.quiet) stderr.write(held.join(''));
      throw error;
    });
    let imageId = '';
    const stop = async function* (): AsyncGenerator<ProgressMessage, void> {
      for await (const message of messages) {
        const failure = message.errorDetail;
        if (failure !== undefined && failure !== null) {
          if (flags.quiet) stderr.write(held.join(''));
          throw new CommandFailure(failure.message, failure.code === undefined || failure.code === 0 ? 1 : failure.code);
        }
        if (!flags.quiet || message.stream === undefined) yield message;
        else held.push(message.stream);
      }
    };
    await displayProgress(stop(), stdout, (aux) => {
      if (typeof aux === 'object' && aux !== null && 'ID' in aux && typeof aux.ID === 'string') imageId = aux.ID;
    });
    if (flags.quiet) {
      imageId = (held.at(-1) ?? '').trim();
      stdout.writeLine(imageId);
    }
    if (flags.iidfile !== '') {
      if (imageId === '') throw new CommandFailure("server did not provide an image ID. Cannot write " + flags.iidfile);
      await writeFile(flags.iidfile, imageId);
    }
    return 0;
  },
});

const progressStep = 512 * 1024;

/** Tells how much was sent, as it goes and at the end. */
async function* counted(archive: AsyncIterable<Uint8Array>, show: (text: string) => void): AsyncGenerator<Uint8Array, void> {
  let sent = 0;
  let told = 0;
  const text = (): string => `Sending build context to Docker daemon ${humanSize(sent).padStart(8)}\r`;
  for await (const chunk of archive) {
    yield chunk;
    sent += chunk.length;
    if (sent - told < progressStep) continue;
    told = sent;
    show(text());
  }
  show(`${text()}\r\n`);
}
