/** COPY and ADD: what they take from the context, from stages, from addresses and from the Dockerfile itself, as a node. */
import { posix } from 'node:path';
import { fail, isFailure } from '#base/errors/failure.ts';
import { quoteText } from '#base/template/go-quote.ts';
import { readHeredocWord } from '#build/dockerfile-lines.ts';
import { parseGitAddress } from '#build/git-address.ts';
import { digestFault } from '#oci/digest.ts';
import { expandWord } from '#oci/instructions/expand-word.ts';
import { expandersOf, nodeOf, shownText, type Application } from './application.ts';
import { buildNode, type BuildNode, type CopyPart } from './build-node.ts';
import { urlName } from './fetch-source.ts';
import { checkFileMode } from './file-mode.ts';
import { refusing, stepName } from './plan-context.ts';

/** @throws build.solve_failed */
export function applyCopy(application: Application): void {
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
      inputs.push(sharedNode(remote, context.fetched));
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

/** The node of the step that was the first to take the same. */
function sharedNode(node: BuildNode, fetched: Map<string, BuildNode>): BuildNode {
  const { digest } = buildNode({ ...node, name: '' });
  const shared = fetched.get(digest) ?? node;
  fetched.set(digest, shared);
  return shared;
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
  const fault = checksum === '' ? undefined : digestFault(checksum);
  if (fault !== undefined) throw new Error(fault);
  const named = URL.canParse(text) ? urlName(new URL(text).pathname) : '';
  return buildNode({ kind: 'download', name, inputs: [], url: text, checksum, fileName: named === '' ? '__unnamed__' : named, archive: false });
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
