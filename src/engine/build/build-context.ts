/** Reads a build's context and finds its Dockerfile in it. */
import { join, posix } from 'node:path';
import { Readable } from 'node:stream';
import { fail, messageOf } from '#base/errors/failure.ts';
import { IgnorePatterns } from '#base/ignore-patterns.ts';
import { readDockerfile, type Dockerfile } from '#build/dockerfile.ts';
import { SourceTree } from '#build/source-tree.ts';
import { limitedContext } from './limited-archive.ts';

export interface BuildContext extends AsyncDisposable {
  readonly tree: SourceTree;
  readonly dockerfile: Dockerfile;
}

const defaultName = 'Dockerfile';
const unknownFlags = ['parents', 'security'];
const largestDockerfile = 16 * 1024 * 1024;

/** @throws build.dockerfile_missing, build.invalid_dockerfile, build.archive_refused, layer.invalid_archive */
export async function readContext(archive: Readable, options: { dockerfile: string; directory: string; signal: AbortSignal }): Promise<BuildContext> {
  if (/^\.\.(?:\/|$)/.test(posix.normalize(options.dockerfile))) throw fail('build.path_outside', { path: options.dockerfile });
  const tree = await readWhole(archive, options);
  try {
    const path = nameIn(tree, options.dockerfile);
    const text = await tree.text(path, largestDockerfile);
    if (text === undefined) throw fail('build.dockerfile_missing', { path });
    if (text === '') throw fail('build.invalid_dockerfile', { message: `the Dockerfile (${path}) cannot be empty` });
    await forgetIgnored(tree, path);
    return { tree, dockerfile: readPlain(text), [Symbol.asyncDispose]: async () => await tree[Symbol.asyncDispose]() };
  } catch (error) {
    await tree[Symbol.asyncDispose]();
    throw error;
  }
}

/** Without the flags that this builder never knew. @throws build.invalid_dockerfile */
function readPlain(text: string): Dockerfile {
  const dockerfile = readDockerfile(text);
  for (const { flags, range } of dockerfile.stages.flatMap(({ commands }) => commands)) {
    const flag = unknownFlags.find((name) => flags.has(name));
    if (flag !== undefined) throw fail('build.invalid_dockerfile', { message: `dockerfile parse error on line ${range.start}: unknown flag: --${flag}` });
  }
  return dockerfile;
}

/** A Dockerfile alone, with nothing to copy. @throws build.invalid_dockerfile */
export async function readDockerfileAlone(content: Readable, { directory }: { directory: string }): Promise<BuildContext> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of content as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largestDockerfile) throw fail('build.invalid_dockerfile', { message: `the Dockerfile is larger than ${largestDockerfile} bytes` });
    chunks.push(chunk);
  }
  const dockerfile = readPlain(Buffer.concat(chunks).toString('utf8'));
  const tree = await SourceTree.read(Readable.from([]), join(directory, 'context'));
  return { tree, dockerfile, [Symbol.asyncDispose]: async () => await tree[Symbol.asyncDispose]() };
}

/** Also what follows the archive's end: a client that still sends does not read the answer. */
async function readWhole(archive: Readable, { directory, signal }: { directory: string; signal: AbortSignal }): Promise<SourceTree> {
  const limited = limitedContext(archive, { directory, signal });
  const iterator = limited[Symbol.asyncIterator]();
  let tree: SourceTree | undefined;
  try {
    tree = await SourceTree.read({ [Symbol.asyncIterator]: () => ({ next: async () => await iterator.next() }) }, join(directory, 'context'), limited);
    for (let step = await iterator.next(); step.done !== true; ) step = await iterator.next();
    return tree;
  } catch (error) {
    await iterator.return();
    await tree?.[Symbol.asyncDispose]();
    throw error;
  }
}

/** Without a name the usual one, in small letters too. */
function nameIn(tree: SourceTree, given: string): string {
  if (given !== '') return posix.normalize(given).replace(/^\.?\//, '');
  return tree.find(defaultName) === undefined && tree.find(defaultName.toLowerCase()) !== undefined ? defaultName.toLowerCase() : defaultName;
}

/** Clients send the Dockerfile and the list of what is ignored even where that list names them. */
async function forgetIgnored(tree: SourceTree, dockerfile: string): Promise<void> {
  const text = await tree.text('.dockerignore', largestDockerfile);
  if (text === undefined) return;
  let patterns: IgnorePatterns;
  try {
    patterns = IgnorePatterns.parse(text);
  } catch (error) {
    throw fail('build.invalid_dockerfile', { message: `error checking context: ${messageOf(error)}` }, error);
  }
  for (const name of ['.dockerignore', dockerfile]) if (patterns.matches(name)) tree.remove(name);
}
