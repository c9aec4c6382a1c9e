/** The files a build begins with: its Dockerfile, the list of what is ignored, and contexts that are elsewhere. */
import { posix } from 'node:path';
import { fail, isFailure, messageOf } from '#base/errors/failure.ts';
import { IgnorePatterns } from '#base/ignore-patterns.ts';
import { parseGitAddress } from '#build/git-address.ts';
import type { SourceTree } from '#build/source-tree.ts';
import { buildNode, type BuildNode } from './build-node.ts';
import { contextFileName } from './fetch-source.ts';
import { refusing } from './plan-context.ts';
import type { SolveOptions } from './solve-options.ts';
import type { SolveParts } from './solve-build.ts';

const largestDockerfile = 16 * 1024 * 1024;

export interface BuildFiles {
  readonly text: string;
  /** Digest of the step that fetched the Dockerfile, which warnings belong to. */
  readonly vertex: string;
  /** Of the Dockerfile, as failures name it. */
  readonly fileName: string;
  readonly ignored: () => Promise<readonly string[]>;
  /** A remote context, which the Dockerfile came with; undefined: the client's directory. */
  readonly remote: BuildNode | undefined;
}

export async function readFiles(options: SolveOptions, parts: SolveParts): Promise<BuildFiles> {
  const { fileName } = options;
  if (options.context !== '') {
    return await readRemote(options, parts);
  }
  const own = `${fileName}.dockerignore`;
  const definition = buildNode({
    kind: 'local', name: `[internal] load build definition from ${fileName}`, inputs: [], directory: options.dockerfileName, transfer: 'transferring dockerfile:',
    wanted: { follow: [fileName, own, ...(fileName === 'Dockerfile' ? ['dockerfile'] : [])] },
  });
  const { tree } = await parts.executor.make(definition);
  const text = (await textIn(tree, fileName)) ?? (fileName === 'Dockerfile' ? await textIn(tree, 'dockerfile') : undefined);
  if (text === undefined) throw fail('build.solve_failed', { message: `failed to read dockerfile: open ${fileName}: no such file or directory` });
  const ownList = await textIn(tree, own);
  return { text, vertex: definition.digest, fileName, remote: undefined, ignored: async () => patternsOf(ownList ?? (await commonIgnoreList(options, parts))) };
}

async function readRemote(options: SolveOptions, { executor }: SolveParts): Promise<BuildFiles> {
  const address = options.context;
  const remote = refusing(() => remoteContext(address, { name: `[internal] load git source ${address}`, keepDirectory: options.keepGitDirectory }));
  let tree: SourceTree | undefined;
  try {
    ({ tree } = await executor.make(remote));
  } catch (error) {
    if (remote.kind !== 'download' || !isFailure(error, 'build.solve_failed')) throw error;
    throw fail('build.solve_failed', { ...error.details, message: `failed to read downloaded context: ${error.message}` }, error);
  }
  // What is no archive is the Dockerfile.
  const alone = remote.kind === 'download' && tree?.root.children.size === 1 && tree.find(contextFileName)?.kind === 'file';
  if (remote.kind === 'download' && !alone) await executor.make(buildNode({ kind: 'scratch', name: `copy /${contextFileName} /`, inputs: [] }));
  const fileName = alone ? contextFileName : options.fileName;
  const local = options.dockerfileGiven ? await localDockerfile(options, { executor }) : undefined;
  const text = local ?? (await textIn(tree, fileName));
  if (text === undefined) throw fail('build.solve_failed', { message: `failed to read dockerfile: open ${fileName}: no such file or directory` });
  return { text, vertex: remote.digest, fileName, ignored: () => Promise.resolve([]), remote };
}

/** The client's own Dockerfile for a context that is elsewhere. */
async function localDockerfile({ fileName, dockerfileName }: SolveOptions, { executor }: Pick<SolveParts, 'executor'>): Promise<string | undefined> {
  const node = buildNode({ kind: 'local', name: `[internal] load build definition from ${fileName}`, inputs: [], directory: dockerfileName, transfer: 'transferring dockerfile:', wanted: { follow: [fileName] } });
  return await textIn((await executor.make(node)).tree, fileName);
}

async function commonIgnoreList(options: SolveOptions, { executor }: SolveParts): Promise<string> {
  const node = buildNode({ kind: 'local', name: '[internal] load .dockerignore', inputs: [], directory: options.contextName, transfer: 'transferring context:', wanted: { follow: ['.dockerignore'] } });
  const { tree } = await executor.make(node);
  return (await textIn(tree, '.dockerignore')) ?? '';
}

export function patternsOf(text: string): string[] {
  try {
    // What is no pattern is told before anything is sent.
    IgnorePatterns.parse(text);
  } catch (error) {
    throw fail('build.solve_failed', { message: messageOf(error) }, error);
  }
  return text.replace(/^\uFEFF/, '').split('\n').filter((line) => !line.startsWith('#')).map((line) => line.trim()).filter((line) => line !== '').map(relativePattern);
}

/** A leading slash means the context's root, as none does (moby/patternmatcher, ignorefile). */
function relativePattern(line: string): string {
  const inverts = line.startsWith('!');
  const pattern = inverts ? line.slice(1).trim() : line;
  const clean = pattern === '' ? '' : posix.normalize(pattern).replace(/(?<=.)\/$/, '').replace(/^\/(?=.)/, '');
  return inverts ? `!${clean}` : clean;
}

export async function textIn(tree: SourceTree | undefined, path: string): Promise<string | undefined> {
  return await tree?.text(path, largestDockerfile);
}

/** A repository, or what is behind an address. @throws Error with BuildKit's text */
export function remoteContext(address: string, { name, keepDirectory }: { name: string; keepDirectory: boolean }): BuildNode {
  const git = parseGitAddress(address);
  if (git === undefined) return buildNode({ kind: 'download', name: '[internal] load remote build context', inputs: [], url: address, checksum: '', fileName: '', archive: true });
  const { remote, ref, directory, checksum, submodules } = git;
  return buildNode({ kind: 'git', name, inputs: [], remote, ref, directory, checksum, submodules, keepDirectory: keepDirectory || git.keepDirectory === true });
}

export function isIgnored(path: string, patterns: readonly string[]): boolean {
  return patterns.length > 0 && IgnorePatterns.parse(patterns.join('\n')).matches(posix.join('/', path).slice(1));
}
