/** `build`, `image build` and `builder build` with the solver: live progress, secrets, outputs, checks. */
import { mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir, hostname, tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { GrpcError } from '#base/grpc/grpc-status.ts';
import { exactArguments } from '#cli/argument-rule.ts';
import { plainWriter, type ShownProgress } from '#cli/build/solve/shown-progress.ts';
import { sessionServices } from '#cli/build/solve/build-session.ts';
import { attestationAttributes } from '#cli/build/solve/attestation-flags.ts';
import { readCaches } from '#cli/build/solve/cache-flags.ts';
import { buildMetadata } from '#cli/build/solve/build-metadata.ts';
import { readOutputs } from '#cli/build/solve/solve-output.ts';
import { printCheck } from '#cli/build/solve/print-check.ts';
import { KeptBuilds, reasonsText } from '#cli/build/history/build-history.ts';
import type { BlobDirectory } from '#cli/build/solve/blob-directory.ts';
import { checkNetwork, checkPlatforms, checkTags, readAgents, readContext, readHosts, readSecrets, splitPair } from '#cli/build/solve/build-options.ts';
import { debugShell, interactiveShell } from '#cli/build/solve/debug-shell.ts';
import { keptProvenance } from '#cli/build/history/kept-provenance.ts';
import { failureText } from '#cli/build/solve/failure-text.ts';

import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { proxyVariables } from '#cli/container/proxy-variables.ts';
import { CredentialStore } from '#cli/credentials/credential-store.ts';
import { ulimitFlag } from '#cli/flags/device-flags.ts';
import { listFlag, textsFlag } from '#cli/flags/list-flags.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { bytesFlag } from '#cli/flags/size-flags.ts';
import { ControlSolveRequest, ControlSolveResponse, StatusRequest, StatusResponse } from '#schema/buildkit/control-messages.ts';

const control = '/moby.buildkit.v1.Control';
const modes = ['auto', 'none', 'plain', 'quiet', 'rawjson', 'tty'];

export const command = defineCommand({
  usage: 'build [OPTIONS] PATH | URL | -',
  positional: exactArguments(1),
  flags: {
    'add-host': textsFlag({ text: 'Add a custom host-to-IP mapping (format: "host:ip")' }),
    annotation: listFlag({ text: 'Add annotation to the image' }),
    attest: listFlag({ text: 'Attestation parameters (format: "type=sbom,generator=image")' }),
    allow: listFlag({ text: 'Allow extra privileged entitlement (e.g., "network.host", "security.insecure", "device")' }),
    'build-arg': listFlag({ text: 'Set build-time variables' }),
    'build-context': listFlag({ text: 'Additional build contexts (e.g., name=path)' }),
    'cache-from': listFlag({ text: 'External cache sources (e.g., "user/app:cache", "type=local,src=path/to/dir")' }),
    'cache-to': listFlag({ text: 'Cache export destinations (e.g., "user/app:cache", "type=local,dest=path/to/dir")' }),
    'cgroup-parent': textFlag({ text: 'Set the parent cgroup for the "RUN" instructions during build' }),
    check: booleanFlag({ text: 'Shorthand for "--call=check"' }),
    call: textFlag({ text: 'Set method for evaluating build ("check", "outline", "targets")', initial: 'build' }),
    debug: { ...textFlag({ text: 'Open a shell in the state of a step that fails, or run a command there', isOwn: true }), valueWhenBare: interactiveShell },
    file: textFlag({ short: 'f', text: 'Name of the Dockerfile (default: "PATH/Dockerfile")', candidates: 'files' }),
    iidfile: textFlag({ text: 'Write the image ID to a file', candidates: 'files' }),
    label: listFlag({ text: 'Set metadata for an image' }),
    load: booleanFlag({ text: 'Shorthand for "--output=type=docker"' }),
    'metadata-file': textFlag({ text: 'Write build result metadata to a file', candidates: 'files' }),
    network: textFlag({ text: 'Set the networking mode for the "RUN" instructions during build', initial: 'default' }),
    'no-cache': booleanFlag({ text: 'Do not use cache when building the image' }),
    'no-cache-filter': listFlag({ text: 'Do not cache specified stages' }),
    output: listFlag({ short: 'o', text: 'Output destination (format: "type=local,dest=path")' }),
    platform: listFlag({ text: 'Set target platform for build' }),
    progress: textFlag({ text: 'Set type of progress output ("auto", "none", "plain", "quiet", "rawjson", "tty"). Use plain to show container output', initial: 'auto' }),
    provenance: textFlag({ text: 'Shorthand for "--attest=type=provenance"' }),
    pull: booleanFlag({ text: 'Always attempt to pull all referenced images' }),
    push: booleanFlag({ text: 'Shorthand for "--output=type=registry"' }),
    quiet: booleanFlag({ short: 'q', text: 'Suppress the build output and print image ID on success' }),
    sbom: textFlag({ text: 'Shorthand for "--attest=type=sbom"' }),
    secret: listFlag({ text: 'Secret to expose to the build (format: "id=mysecret[,src=/local/secret]")' }),
    'shm-size': bytesFlag({ text: 'Shared memory size for build containers' }),
    ssh: listFlag({ text: 'SSH agent socket or keys to expose to the build (format: "default|<id>[=<socket>|<key>[,<key>]]")' }),
    tag: listFlag({ short: 't', text: 'Name and optionally a tag (format: "name:tag")' }),
    target: textFlag({ text: 'Set the target build stage to build' }),
    ulimit: ulimitFlag({ text: 'Ulimit options' }),
    why: booleanFlag({ text: 'Say at the end why each step was made or found again', isOwn: true }),
  },
  async run(invocation) {
    try {
      return await solve(invocation);
    } catch (error) {
      if (!(error instanceof CommandFailure) || /(?:^|\n)ERROR: [^\n]*$/.test(error.message)) throw error;
      throw new CommandFailure(`ERROR: ${error.message}`, error.exitCode, error);
    }

    async function solve({ client, configuration, flags, endpoint, environment, arguments: [source = ''], stdin, stdout, stderr, signal }: typeof invocation): Promise<number> {
      if (!modes.includes(flags.progress)) throw new CommandFailure(`invalid progress mode ${flags.progress}`);
      if (flags.quiet && flags.progress !== 'auto' && flags.progress !== 'quiet') throw new CommandFailure(`ERROR: progress=${flags.progress} and quiet cannot be used together`);
      if (flags.iidfile !== '') rmSync(flags.iidfile, { force: true });
      await using opened = new AsyncDisposableStack();
      const place = await contextOf(source, flags.file, async () => await readAll(stdin.stream), opened);
      const method = flags.check ? 'check' : flags.call;
      const attributes = new Map<string, string>([['filename', place.fileName], ...place.attributes]);
      const set = (name: string, value: string): void => void (value !== '' && attributes.set(name, value));
      const buildArguments = new Map<string, string | null>(proxyVariables(configuration.file.proxies, endpoint));
      const epoch = environment['SOURCE_DATE_EPOCH'] ?? '';
      if (epoch !== '') buildArguments.set('SOURCE_DATE_EPOCH', epoch);
      for (const text of flags['build-arg']) {
        const { name, value } = splitPair(text);
        buildArguments.set(name, value ?? environment[name] ?? null);
      }
      for (const [name, value] of buildArguments) if (value !== null) attributes.set(`build-arg:${name}`, value);
      for (const text of flags.label) attributes.set(`label:${splitPair(text).name}`, splitPair(text).value ?? '');
      const directories = new Map(place.directories);
      const stores = new Map<string, BlobDirectory>();
      for (const text of flags['build-context']) {
        const [name, address] = readContext(text, { directories, stores });
        attributes.set(`context:${name}`, address);
      }
      set('target', flags.target);
      checkTags(flags.tag);
      checkNetwork(flags.network);
      checkPlatforms(flags.platform);
      set('platform', flags.platform.join(','));
      set('ulimit', flags.ulimit.map(({ Name, Soft, Hard }) => `${Name}=${Soft}:${Hard}`).join(','));
      set('cgroup-parent', flags['cgroup-parent']);
      if (flags.network !== 'default') set('force-network-mode', flags.network);
      if (flags['shm-size'] > 0) set('shm-size', String(flags['shm-size']));
      set('add-hosts', readHosts(flags['add-host']));
      if (flags['no-cache']) attributes.set('no-cache', '');
      else if (flags['no-cache-filter'].length > 0) attributes.set('no-cache', flags['no-cache-filter'].join(','));
      if (flags.pull) attributes.set('image-resolve-mode', 'pull');
      if (method === 'check') attributes.set('requestid', 'frontend.lint');
      else if (method !== 'build' && method !== '') attributes.set('requestid', `frontend.${method}`);

      for (const [name, value] of attestationAttributes(flags)) attributes.set(name, value);
      const caches = readCaches({ from: flags['cache-from'], to: flags['cache-to'] });
      for (const warning of caches.warnings) stderr.writeLine(`WARNING: ${warning}`);
      const outputs = readOutputs({ outputs: flags.output, tags: flags.tag, push: flags.push, annotations: flags.annotation, stdout: process.stdout, isTerminal: stdout.isTerminal });
      const credentials = new CredentialStore(configuration, environment);
      if (flags.debug === interactiveShell && (source === '-' || flags.file === '-')) throw new CommandFailure('--debug needs standard input, which the build takes already: give a command, as in --debug="ls -l"');
      const secrets = readSecrets(flags.secret, environment);
      const agents = await readAgents(flags.ssh, environment, opened);
      const quiet = flags.quiet || flags.progress === 'quiet' || flags.progress === 'none';
      const shown = shownProgress({ mode: flags.progress, quiet: quiet || method !== 'build' && method !== '', stderr });
      const shell = flags.debug === '' ? undefined : debugShell({ command: flags.debug === interactiveShell ? '' : flags.debug, stdin, stdout, stderr, pause: () => shown.pause() });
      const offer = {
        directories,
        secrets,
        agents,
        outputs: outputs.map(({ sink }) => sink),
        upload: place.upload,
        stores: new Map([...caches.stores, ...stores]),
        credentials: async (host: string) => await credentialsOf(credentials, host),
        shell,
      };
      const sessionId = newReference();
      const { solver } = opened.use(await client.builds.openBuild({ id: sessionId, sharedKey: sharedKeyOf(source), methods: sessionServices(offer) }));
      const stop = new AbortController();
      opened.defer(() => stop.abort());
      const until = AbortSignal.any([signal, stop.signal]);
      const ref = newReference();
      const progress = (async () => {
        const call = solver.call(`${control}/Status`, { signal: until });
        await call.send(StatusRequest.encode({ ref }));
        call.end();
        for await (const message of call.messages) shown.update(StatusResponse.decode(message));
      })();
      const listening = progress.catch(() => undefined);
      const explain = async (): Promise<void> => {
        if (!flags.why) return;
        await using builds = await KeptBuilds.open(client, until);
        stderr.write(reasonsText(await builds.find(ref)));
      };
      try {
        const request = ControlSolveRequest.encode({
          ref, session: sessionId, frontend: 'dockerfile.v0', frontendAttributes: Object.fromEntries(attributes), entitlements: [...new Set([...flags.allow, ...(flags.network === 'host' ? ['network.host'] : [])])],
          cache: { imports: caches.imports.map(({ type, attributes: given }) => ({ type, attributes: { ...given } })), exports: caches.exports.map(({ type, attributes: given }) => ({ type, attributes: { ...given } })) },
          exporters: method === 'build' || method === '' ? outputs.map(({ type, attributes: given }) => ({ type, attributes: { ...given } })) : [],
        });
        const { exporterResponse } = ControlSolveResponse.decode(await solver.unary(`${control}/Solve`, request, { signal: until }));
        await listening;
        shown.finish();
        caches.finish(exporterResponse);
        if (method === 'build' || method === '') await explain();
        if (method !== 'build' && method !== '') return printCheck(method, exporterResponse, { stdout, stderr, fileName: place.directories.size === 0 || source === '-' ? place.fileName : flags.file === '' ? join(source, place.fileName) : flags.file });
        const imageId = exporterResponse['containerimage.config.digest'] ?? exporterResponse['containerimage.digest'] ?? '';
        if (quiet && !outputs.some(({ sink }) => sink?.kind === 'stream')) stdout.writeLine(imageId);
        if (flags.iidfile !== '') writeFileSync(flags.iidfile, imageId);
        if (flags['metadata-file'] !== '') {
          await using builds = await KeptBuilds.open(client, until);
          writeFileSync(flags['metadata-file'], buildMetadata(exporterResponse, { ref, provenance: await keptProvenance(solver, await builds.find(ref), until) }));
        }
        return 0;
      } catch (error) {
        await listening;
        shown.finish();
        signal.throwIfAborted();
        if (error instanceof GrpcError) await explain();
        if (error instanceof GrpcError) throw new CommandFailure(`${failureText(error, shown.failed())}ERROR: failed to build: failed to solve: ${error.message}`, 1, error);
        throw error;
      }
    }
  },
});

interface ContextPlace {
  readonly directories: ReadonlyMap<string, string>;
  readonly fileName: string;
  readonly attributes: readonly [string, string][];
  readonly upload: AsyncIterable<Uint8Array> | undefined;
}

/** @throws CommandFailure with buildx's texts */
async function contextOf(source: string, file: string, stdin: () => Promise<Buffer>, opened: AsyncDisposableStack): Promise<ContextPlace> {
  const temporary = (text: Buffer): string => {
    const path = mkdtempSync(join(tmpdir(), 'dhow-dockerfile-'));
    opened.defer(() => rmSync(path, { recursive: true, force: true }));
    writeFileSync(join(path, 'Dockerfile'), text);
    return path;
  };
  if (source === '-' && file === '-') throw new CommandFailure('ERROR: failed to build: invalid argument: can\'t use stdin for both build context and dockerfile');
  if (source === '-') {
    const text = await stdin();
    const path = isArchive(text) ? undefined : temporary(text);
    if (path === undefined) {
      const id = newReference();
      return { directories: new Map(), fileName: file === '' ? 'Dockerfile' : file, attributes: [['context', `http://buildkit-session/${id}`]], upload: toIterable(text) };
    }
    if (file !== '') throw new CommandFailure('ERROR: failed to build: ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles');
    const empty = mkdtempSync(join(tmpdir(), 'dhow-context-'));
    opened.defer(() => rmSync(empty, { recursive: true, force: true }));
    return { directories: new Map([['context', empty], ['dockerfile', path]]), fileName: 'Dockerfile', attributes: [], upload: undefined };
  }
  if (/^(?:https?:\/\/|git:\/\/|ssh:\/\/|git@|github\.com\/)/.test(source)) return { directories: new Map(), fileName: file === '' ? 'Dockerfile' : file, attributes: [['context', source]], upload: undefined };
  if (statSync(source, { throwIfNoEntry: false })?.isDirectory() !== true) throw new CommandFailure(`ERROR: failed to build: unable to prepare context: path ${JSON.stringify(source)} not found`);
  const root = realpathSync(source);
  if (file === '-') return { directories: new Map([['context', root], ['dockerfile', temporary(await stdin())]]), fileName: 'Dockerfile', attributes: [], upload: undefined };
  const path = file === '' ? join(root, 'Dockerfile') : resolve(file);
  return { directories: new Map([['context', root], ['dockerfile', dirname(path)]]), fileName: basename(path), attributes: [], upload: undefined };
}

async function* toIterable(bytes: Buffer): AsyncGenerator<Buffer, void> {
  yield bytes;
}

async function readAll(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(stream));
}

function isArchive(start: Buffer): boolean {
  const magics = [[0x1f, 0x8b, 0x08], [0x42, 0x5a, 0x68], [0xfd, 0x37, 0x7a, 0x58, 0x5a], [0x28, 0xb5, 0x2f, 0xfd]];
  return magics.some((magic) => magic.every((byte, index) => start[index] === byte)) || start.toString('latin1', 257, 262) === 'ustar';
}

async function credentialsOf(store: CredentialStore, host: string): Promise<{ userName: string; secret: string }> {
  const key = host === 'registry-1.docker.io' ? 'https://index.docker.io/v1/' : host;
  const found = (await store.all(() => undefined))[key];
  if (found === undefined) return { userName: '', secret: '' };
  const { username = '', password = '', identitytoken = '' } = found;
  return identitytoken === '' ? { userName: username, secret: password } : { userName: '', secret: identitytoken };
}

/** The same for builds of one directory by one user on one machine. */
function sharedKeyOf(source: string): string {
  return [hostname(), homedir(), source === '-' ? '-' : resolve(source)].map(encodeURIComponent).join(' ');
}

/** Names a build, in the form of BuildKit's own. It has to be new and need not be hard to guess, which would take long to load. */
function newReference(): string {
  const digits = Array.from({ length: 4 }, () => Math.random().toString(36).slice(2, 10).padEnd(8, '0')).join('');
  return digits.slice(0, 25);
}

function shownProgress(options: { mode: string; quiet: boolean; stderr: import('#cli/streams/output.ts').Output }): ShownProgress {
  return plainWriter(options);
}
