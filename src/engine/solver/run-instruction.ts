/** RUN: a node over the file system so far, with its mounts, its here-documents and its variables. */
import { posix } from 'node:path';
import { fail } from '#base/errors/failure.ts';
import { quoteText } from '#base/template/go-quote.ts';
import { readHeredocWord } from '#build/dockerfile-lines.ts';
import { readRunMount } from '#build/run-mount.ts';
import { expandersOf, nodeOf, type Application } from './application.ts';
import { buildNode, type BuildNode, type RunMount } from './build-node.ts';
import { refusing, stepName } from './plan-context.ts';
import { shownCommand } from './shown-command.ts';
import type { StageDraft } from './stage-draft.ts';

const proxyNames: ReadonlySet<string> = new Set(['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy', 'all_proxy']);

/** @throws build.solve_failed */
export function applyRun(application: Application): void {
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
    name: stepName(planned, shownRun(application, heredoc.summary, mounts.flatMap(({ type, variable }) => (type === 'secret' && variable !== undefined ? [variable] : []))), { trigger }),
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

/** As {@link shownText}; what is not set and quotes stay as they are, and secrets are not told. */
function shownRun({ command, draft, context }: Application, summary: string, secrets: readonly string[]): string {
  const variables = new Map(draft.environment);
  for (const name of secrets) variables.set(name, '****');
  return shownCommand(command.source.replace(/^[^ ]+/, (first) => first.toUpperCase()) + summary, { variables, escape: context.escape });
}
