/** What an instruction does to its stage: a change of the configuration, or a node over the file system so far. */
import { posix } from 'node:path';
import { fail, isFailure } from '#base/errors/failure.ts';
import { quoteList, quoteText } from '#base/template/go-quote.ts';
import { formatGoDuration } from '#base/go-duration-text.ts';
import type { Command } from '#build/dockerfile.ts';
import { readHeredocWord } from '#build/dockerfile-lines.ts';
import { parseGitAddress } from '#build/git-address.ts';
import { readRunMount } from '#build/run-mount.ts';
import { expandWord, expandWords } from '#oci/instructions/expand-word.ts';
import { exposedPorts } from '#oci/instructions/exposed-ports.ts';
import type { Expanders } from '#oci/instructions/apply-changes.ts';
import { checkInstruction } from './check-instruction.ts';
import { buildNode, type CopyPart, type BuildNode, type RunMount } from './build-node.ts';
import { urlName } from './fetch-source.ts';
import { checkFileMode } from './file-mode.ts';
import { shownCommand } from './shown-command.ts';
import { refusing, splitArgument, stepName, type PlanContext } from './plan-context.ts';
import type { PlannedStage, StageDraft } from './stage-draft.ts';

export interface Application {
  readonly command: Command;
  /** The image brought it. */
  readonly trigger: boolean;
  readonly planned: PlannedStage;
  readonly draft: StageDraft;
  readonly context: PlanContext;
  readonly fresh: boolean;
}

const proxyNames: ReadonlySet<string> = new Set(['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy', 'all_proxy']);

/** @throws build.solve_failed, image.invalid_change */
export function applyInstruction(application: Application): void {
  const { command, draft } = application;
  checkInstruction(application);
  switch (command.word) {
    case 'RUN':
      return run(application);
    case 'COPY':
    case 'ADD':
      return copy(application);
    case 'WORKDIR':
      return changeDirectory(application);
    case 'ARG':
      return declare(application);
    case 'MAINTAINER':
      draft.author = command.parameters[0] ?? '';
      return draft.record(`MAINTAINER ${draft.author}`, { layer: false });
    case 'SHELL':
      draft.config.Shell = [...command.parameters];
      return draft.record(`SHELL [${command.parameters.join(' ')}]`, { layer: false });
    default:
      return configure(application);
  }
}

function expandersOf({ draft, context }: Application): Expanders {
  const expansion = { variables: draft.environment, escape: context.escape };
  return { word: (text) => expandWord(text, expansion), words: (text) => expandWords(text, expansion) };
}

/** Instructions that change the configuration alone. */
function configure(application: Application): void {
  const { command, draft } = application;
  const { word, parameters } = command;
  const expanders = expandersOf(application);
  const expanded = word === 'ENV' || word === 'LABEL' || word === 'USER' || word === 'VOLUME' || word === 'STOPSIGNAL' ? parameters.map(expanders.word) : parameters;
  if (word === 'EXPOSE') checkProtocols(parameters, expanders);
  command.step?.(draft.draft, expanders);
  const { config } = draft;
  const comment = (): string | undefined => {
    switch (word) {
      case 'ENV':
        for (const [name, value] of pairs(expanded)) draft.environment.set(name, value);
        return `ENV ${pairs(expanded).map(([name, value]) => `${name}=${value}`).join(' ')}`;
      case 'LABEL':
        return `LABEL ${pairs(expanded).map(([name, value]) => `${name}=${value}`).join(' ')}`;
      case 'CMD':
        if (!command.json && parameters.length === 0) config.Cmd = [...draft.shell, ''];
        config.ArgsEscaped = true;
        return `CMD ${quoteList(config.Cmd)}`;
      case 'ENTRYPOINT':
        if (!command.json && parameters.length === 0) config.Entrypoint = [...draft.shell, ''];
        return `ENTRYPOINT ${quoteList(config.Entrypoint)}`;
      case 'HEALTHCHECK': {
        const { Test, Interval, Timeout, StartPeriod, StartInterval, Retries } = config.Healthcheck ?? {};
        const time = (value: number | undefined): string => quoteText(formatGoDuration(value ?? 0));
        return `HEALTHCHECK &{${quoteList(Test)} ${time(Interval)} ${time(Timeout)} ${time(StartPeriod)} ${time(StartInterval)} ${quotedRune(Retries ?? 0)}}`;
      }
      case 'EXPOSE':
        return `EXPOSE [${exposedNow(parameters, expanders).join(' ')}]`;
      case 'VOLUME':
        return `VOLUME [${expanded.join(' ')}]`;
      case 'ONBUILD':
        return undefined;
      default:
        return `${word} ${expanded.join(' ')}`;
    }
  };
  const text = comment();
  if (text !== undefined) draft.record(text, { layer: false });
}

/** @throws build.solve_failed: BuildKit names the whole port where its protocol is none */
function checkProtocols(parameters: readonly string[], { words }: Expanders): void {
  for (const port of parameters.toSorted().flatMap(words)) {
    try {
      exposedPorts(port);
    } catch (error) {
      if (!isFailure(error, 'image.invalid_change') || !error.message.startsWith('Invalid proto: ')) throw error;
      throw fail('build.solve_failed', { message: `invalid port: ${quoteText(port)}: ${error.message.replace(/^I/, 'i')}` }, error);
    }
  }
}

/** Ports of one EXPOSE as the configuration names them. */
function exposedNow(parameters: readonly string[], { words }: Expanders): string[] {
  return parameters.toSorted().flatMap(words).flatMap(exposedPorts);
}

function declare(application: Application): void {
  const { command, draft, context } = application;
  const { buildArguments } = context.options;
  const words = command.parameters.map((parameter) => {
    const { name, fallback } = splitArgument(parameter);
    const given = buildArguments.get(name);
    const value = given ?? (fallback === undefined ? context.globals.get(name) : expandersOf(application).word(fallback));
    if (value !== undefined) draft.environment.set(name, value);
    draft.arguments.push({ name, value });
    return value === undefined ? name : `${name}=${value}`;
  });
  draft.record(`ARG ${words.join(' ')}`, { layer: false });
}

function changeDirectory(application: Application): void {
  const { command, draft, planned, trigger, fresh } = application;
  const asked = expandersOf(application).word(command.parameters[0] ?? '');
  // An absolute path stays as it is written, an empty one changes nothing.
  if (asked.startsWith('/')) draft.config.WorkingDir = asked;
  else if (asked !== '') command.step?.(draft.draft, expandersOf(application));
  else draft.config.WorkingDir = draft.directory;
  draft.directorySet = true;
  const path = draft.directory;
  const layer = path !== '/';
  if (layer) {
    draft.node = buildNode({ kind: 'directory', name: stepName(planned, shownText(application), { trigger }), inputs: [draft.node], range: command.range, fresh, path: posix.normalize(path), user: draft.config.User ?? '' });
  }
  draft.record(`WORKDIR ${path}`, { layer });
}

function run(application: Application): void {
  const { command, draft, planned, context, trigger, fresh } = application;
  const { options } = context;
  const heredoc = heredocCommand(application);
  const words = command.json ? [...command.parameters] : [...draft.shell, heredoc.text];
  if (words.length === 0) throw fail('build.solve_failed', { message: 'failed to marshal LLB definition: arguments are required', blameless: true });
  const inputs: BuildNode[] = [draft.node];
  const mounts = heredoc.script === undefined ? [] : [scriptMount(heredoc.script, inputs)];
  mounts.push(...readMounts(application, inputs));
  const proxies = [...options.buildArguments].filter(([name]) => proxyNames.has(name.toLowerCase())).flatMap(([name, value]) => [`${name.toUpperCase()}=${value}`, `${name.toLowerCase()}=${value}`]);
  const security = command.flags.get('security') ?? 'sandbox';
  if (security !== 'sandbox' && security !== 'insecure') throw fail('build.solve_failed', { message: `security ${quoteText(security)} is not valid` });
  if (command.lists.has('device')) throw fail('build.solve_failed', { message: 'device feature is only supported in Dockerfile frontend 1.14.0-labs or later' });
  const network = command.flags.get('network') ?? options.network;
  if (network !== 'default' && network !== 'none' && network !== 'host') throw fail('build.solve_failed', { message: `dockerfile parse error on line ${command.range.start}: invalid network mode ${quoteText(network)}` });
  for (const [asked, entitlement] of [[network === 'host', 'network.host'], [security === 'insecure', 'security.insecure']] as const) {
    if (asked && !options.entitlements.has(entitlement)) throw fail('build.solve_failed', { message: `failed to load LLB: ${entitlement} is not allowed`, range: undefined, blameless: true });
  }
  draft.node = buildNode({
    kind: 'run',
    name: stepName(planned, `${shownRun(application, mounts.flatMap(({ type, variable }) => (type === 'secret' && variable !== undefined ? [variable] : [])))}${heredoc.summary}`, { trigger }),
    inputs, range: command.range, fresh,
    command: heredoc.script === undefined ? words : [heredoc.script.path],
    environment: [...draft.environment].map(([name, value]) => `${name}=${value}`),
    proxies,
    directory: posix.normalize(draft.directory).replace(/(?<=.)\/$/, ''),
    user: draft.config.User ?? '',
    mounts, network,
    insecure: security === 'insecure',
    hostname: options.hostname,
    hosts: options.hosts.map((entry) => entry.replace('=', ':')),
    sharedMemory: options.sharedMemory, ulimits: options.ulimits, cgroupParent: options.cgroupParent,
  });
  draft.record(`RUN ${[...countedArguments(draft), ...words].join(' ')} # buildkit`, { layer: true });
}

/** ARGs in force, as the history tells of them. */
function countedArguments({ arguments: declared, environment }: StageDraft): string[] {
  const values = new Map(declared.map(({ name, value }) => [name, environment.get(name) ?? value ?? '']));
  return values.size === 0 ? [] : [`|${values.size}`, ...[...values].map(([name, value]) => `${name}=${value}`)];
}

interface HeredocCommand {
  readonly text: string;
  readonly summary: string;
  /** The document is a program of its own. */
  readonly script: { readonly name: string; readonly content: string; readonly path: string } | undefined;
}

/** Inside the container. */
const scriptDirectory = posix.join('/', 'dev/pipes/');

function heredocCommand({ command }: Application): HeredocCommand {
  const { heredocs, parameters } = command;
  const [text = ''] = parameters;
  const [first] = heredocs;
  if (first === undefined || command.json) return { text, summary: '', script: undefined };
  if (readHeredocWord(text.trim()) === undefined) {
    // The shell reads the documents itself.
    return { text: [text, ...heredocs.map(({ name, content }) => `${content}${name}`)].join('\n'), summary: '', script: undefined };
  }
  const [line = '', ...more] = first.content.trim().split('\n');
  const summary = ` (${line}${more.length > 0 ? '...' : ''})`;
  if (!first.content.startsWith('#!')) return { text: first.content, summary, script: undefined };
  return { text: scriptDirectory + first.name, summary, script: { name: first.name, content: first.content, path: scriptDirectory + first.name } };
}

function scriptMount({ name, content }: { name: string; content: string }, inputs: BuildNode[]): RunMount {
  inputs.push(buildNode({ kind: 'inline', name: '[internal] preparing inline document', inputs: [], files: [{ name, content }], mode: 0o755 }));
  return { ...plainMount, type: 'bind', input: inputs.length - 1, target: scriptDirectory, readonly: true };
}

const plainMount: Omit<RunMount, 'type' | 'input' | 'target' | 'readonly'> = {
  source: '', size: 0, id: '', sharing: 'shared', required: false, variable: undefined, mode: undefined, uid: undefined, gid: undefined,
};

function readMounts(application: Application, inputs: BuildNode[]): RunMount[] {
  const { command, draft, planned, context } = application;
  const { word } = expandersOf(application);
  const sources = planned.sources.get(command) ?? [];
  let agents = 0;
  return (command.lists.get('mount') ?? []).map((text, index): RunMount => {
    const mount = refusing(() => readRunMount(text, word));
    const { type, from, source, id, sharing, required, mode, uid, gid, size, variable } = mount;
    const input = (): number => {
      if (from === '') context.usePath(posix.join('/', source));
      inputs.push(from === '' ? context.contextInput : nodeOf(sources[index], application, `cannot mount from stage ${quoteText(from)} to ${quoteText(mount.target)}, stage needs to be defined before current command`));
      return inputs.length - 1;
    };
    const facts = { source, id, sharing, required, mode, uid, gid, size, readonly: mount.readonly, variable };
    const absolute = posix.resolve(draft.directory, mount.target);
    switch (type) {
      case 'secret': {
        const name = id !== '' ? id : source !== '' ? source : posix.basename(mount.target);
        const target = mount.target === '' ? (variable === undefined ? `/run/secrets/${posix.basename(name)}` : '') : absolute;
        return { ...facts, type, input: undefined, target, id: name, variable: variable === '' ? posix.basename(name) : variable };
      }
      case 'ssh':
        return { ...facts, type, input: undefined, target: mount.target === '' ? `/run/buildkit/ssh_agent.${agents++}` : absolute, id: id !== '' ? id : source !== '' ? source : 'default' };
      default:
        if (mount.target === '' || absolute === '/') throw fail('build.solve_failed', { message: `invalid mount target ${quoteText(absolute)}` });
        if (type === 'tmpfs') return { ...facts, type, input: undefined, target: absolute };
        if (type === 'cache' && (mode ?? uid ?? gid) !== undefined) inputs.push(buildNode({ kind: 'scratch', name: '[internal] setting cache mount permissions', inputs: [] }));
        if (type === 'cache') return { ...facts, type, input: from === '' ? undefined : input(), target: absolute, id: `${context.options.buildArguments.get('BUILDKIT_CACHE_MOUNT_NS') ?? ''}/${id === '' ? posix.normalize(mount.target) : id}` };
        return { ...facts, type, input: input(), target: absolute };
    }
  });
}

/** What a source has made so far. */
function nodeOf(source: PlannedStage | undefined, { context }: Application, missing: string): BuildNode {
  const draft = source === undefined ? undefined : context.drafts.get(source);
  if (draft === undefined) throw fail('build.solve_failed', { message: missing });
  return draft.node;
}

function copy(application: Application): void {
  const { command, draft, planned, context, trigger, fresh } = application;
  const { word, flags } = command;
  const expanders = expandersOf(application);
  const isAdd = word === 'ADD';
  const texts = command.parameters.map(expanders.word);
  const given = texts.at(-1) ?? '';
  const target = absoluteTarget(draft.directory, given);
  const from = flags.get('from') === '' ? undefined : flags.get('from');
  const owner = expanders.word(flags.get('chown') ?? '');
  const mode = expanders.word(flags.get('chmod') ?? '');
  const checksum = flags.get('checksum') === undefined ? '' : expanders.word(flags.get('checksum') ?? '');
  const parents = flags.get('parents') === 'true';
  refusing(() => checkFileMode(mode));
  const unpack = flags.get('unpack') === undefined ? isAdd : flags.get('unpack') === 'true';
  // What is fetched for the step is shown by its name, too.
  const name = stepName(planned, shownText(application), { trigger });
  const inputs: BuildNode[] = [draft.node];
  const parts: CopyPart[] = [];
  const heredocs = new Map(command.heredocs.map((document) => [document.name, document]));
  const shown: string[] = [];
  for (const [index, path] of texts.slice(0, -1).entries()) {
    const heredoc = heredocs.get(readHeredocWord(command.parameters[index] ?? '')?.name ?? '');
    if (heredoc !== undefined) {
      const content = heredoc.expand ? expandDocument(heredoc.content, application) : heredoc.content;
      inputs.push(buildNode({ kind: 'inline', name: '[internal] preparing inline document', inputs: [], files: [{ name: heredoc.name, content }], mode: 0o644 }));
      parts.push({ input: inputs.length - 1, path: heredoc.name, pattern: false, unpack: false, parents: false });
      shown.push(`<<${heredoc.name}`);
      continue;
    }
    shown.push(path);
    const remote = refusing(() => remoteNode(path, { name, checksum, keepDirectory: flags.get('keep-git-dir') }));
    if (remote !== undefined) {
      if (!isAdd) throw fail('build.solve_failed', { message: remote.kind === 'git' ? "source can't be a git ref for COPY" : "source can't be a URL for COPY" });
      inputs.push(remote);
      parts.push({ input: inputs.length - 1, path: remote.kind === 'git' ? '/' : '', pattern: false, unpack: remote.kind === 'download' && flags.get('unpack') === 'true', parents: false });
      continue;
    }
    if (from === undefined) {
      if (context.isIgnored(path)) context.checks.find('CopyIgnoredFile', `Attempting to ${isAdd ? 'Add' : 'Copy'} file ${quoteText(path)} that is excluded by .dockerignore`, command.range);
      context.usePath(posix.join('/', parents ? path.replace('/./', '/') : path));
      inputs.push(context.contextInput);
    } else {
      inputs.push(nodeOf(planned.sources.get(command)?.[0], application, `cannot copy from stage ${quoteText(from)}, it needs to be defined before current stage ${quoteText(planned.label)}`));
    }
    parts.push({ input: inputs.length - 1, path, pattern: true, unpack, parents });
  }
  if (checksum !== '') checkChecksum(texts.slice(0, -1), isAdd);
  // Over overlayfs, as Docker's own store, a linked copy is a copy: links of what lies below are followed.
  const link = false;
  draft.node = buildNode({
    kind: 'copy',
    name,
    inputs,
    range: command.range, fresh, parts, target, owner, mode, link,
    excludes: (command.lists.get('exclude') ?? []).map(expanders.word),
    keepOwners: from !== undefined,
  });
  const notes = [...(parents ? ['--parents'] : []), ...(owner === '' ? [] : [`--chown=${owner}`]), ...(mode === '' ? [] : [`--chmod=${mode}`])];
  draft.record(`${[word, ...notes, ...shown, given].join(' ')} # buildkit`, { layer: true });
}

function checkChecksum(sources: readonly string[], isAdd: boolean): void {
  if (!isAdd) throw fail('build.solve_failed', { message: "checksum can't be specified for COPY" });
  if (sources.length !== 1) throw fail('build.solve_failed', { message: "checksum can't be specified for multiple sources" });
  if (!/^https?:\/\//.test(sources[0] ?? '') && parseGitAddress(sources[0] ?? '') === undefined) throw fail('build.solve_failed', { message: 'checksum requires HTTP(S) or Git sources' });
}

interface RemoteFacts {
  /** Of the step. */
  readonly name: string;
  readonly checksum: string;
  readonly keepDirectory: string | undefined;
}

/** What an argument of ADD is an address of; undefined: of nothing elsewhere. @throws Error with BuildKit's text */
function remoteNode(text: string, { name, checksum, keepDirectory }: RemoteFacts): BuildNode | undefined {
  const git = parseGitAddress(text);
  if (git !== undefined && !git.bare) {
    const keep = keepDirectory === undefined ? git.keepDirectory : keepDirectory === 'true';
    if (keepDirectory !== undefined && git.keepDirectory !== undefined && git.keepDirectory !== keep) throw new Error('inconsistent keep-git-dir configuration');
    if (checksum !== '' && git.checksum !== '' && checksum !== git.checksum) throw new Error(`checksum mismatch ${quoteText(git.checksum)} != ${quoteText(checksum)}`);
    const { remote, ref, directory, submodules } = git;
    return buildNode({ kind: 'git', name, inputs: [], remote, ref, directory, submodules, keepDirectory: keep ?? false, checksum: checksum === '' ? git.checksum : checksum });
  }
  if (!/^https?:\/\//.test(text)) return undefined;
  if (checksum !== '') checkDigestText(checksum);
  const named = URL.canParse(text) ? urlName(new URL(text).pathname) : '';
  return buildNode({ kind: 'download', name, inputs: [], url: text, checksum, fileName: named === '' ? '__unnamed__' : named, archive: false });
}

/** @throws Error with the words of opencontainers/go-digest */
function checkDigestText(text: string): void {
  const [, algorithm = '', hex = ''] = /^([a-z0-9]+(?:[+._-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)$/.exec(text) ?? [];
  if (algorithm === '') throw new Error('invalid checksum digest format');
  const lengths: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };
  if (lengths[algorithm] === undefined) throw new Error('unsupported digest algorithm');
  if (hex.length !== lengths[algorithm]) throw new Error('invalid checksum digest length');
  if (!/^[a-f0-9]+$/.test(hex)) throw new Error('invalid checksum digest format');
}

function absoluteTarget(directory: string, given: string): string {
  if (given === '.' || given === '') return directory.endsWith('/') ? directory : `${directory}/`;
  const path = posix.resolve(directory, given);
  return given.endsWith('/') || given.endsWith('/.') ? `${path.replace(/\/$/, '')}/` : path;
}

/** Variables of a document are resolved, quotes stay. */
function expandDocument(text: string, { draft, context }: Application): string {
  try {
    return text.replace(/\\([$\\])|\$\{[^}]*\}|\$\w+/g, (match: string, escaped: string | undefined) => escaped ?? expandWord(match, { variables: draft.environment, escape: context.escape }));
  } catch (error) {
    // The whole document is told, not the one variable.
    if (isFailure(error, 'image.invalid_change')) throw fail('image.invalid_change', { message: error.message.replace(/^failed to process ".*?": /, `failed to process ${quoteText(text)}: `) }, error);
    throw error;
  }
}

/** The instruction as steps show it: variables resolved where that goes. */
function shownText(application: Application): string {
  const { command } = application;
  const source = command.source;
  const [first = ''] = source.split(' ', 1);
  const text = first.toUpperCase() + source.slice(first.length);
  try {
    return expandWord(text, { variables: application.draft.environment, escape: application.context.escape });
  } catch (error) {
    // What cannot be resolved is told by the instruction itself.
    if (isFailure(error, 'image.invalid_change')) return text;
    throw error;
  }
}

/** As {@link shownText}; what is not set and quotes stay as they are, and secrets are not told. */
function shownRun({ command, draft, context }: Application, secrets: readonly string[]): string {
  const variables = new Map(draft.environment);
  for (const name of secrets) variables.set(name, '****');
  return shownCommand(command.source.replace(/^[^ ]+/, (first) => first.toUpperCase()), { variables, escape: context.escape });
}

function pairs(words: readonly string[]): [string, string][] {
  return words.flatMap((name, index) => (index % 2 === 0 ? [[name, words[index + 1] ?? ''] as [string, string]] : []));
}

/** Go's `%q` of a number: the character it stands for. */
function quotedRune(code: number): string {
  const named: Readonly<Record<number, string>> = { 7: '\\a', 8: '\\b', 9: '\\t', 10: '\\n', 11: '\\v', 12: '\\f', 13: '\\r', 39: "\\'", 92: '\\\\' };
  const plain = code < 32 || code === 127 ? `\\x${code.toString(16).padStart(2, '0')}` : String.fromCodePoint(Math.min(code, 0x10ffff));
  return `'${named[code] ?? plain}'`;
}
