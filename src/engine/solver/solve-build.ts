/** One build from its Dockerfile to what its client gets: reads the files, plans, makes, exports. */
import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { fail, isFailure, messageOf } from '#base/errors/failure.ts';
import { IgnorePatterns } from '#base/ignore-patterns.ts';
import { sortFindings, type CheckFinding } from '#build/checks/build-checks.ts';
import { checkAddress, checkRules } from '#build/checks/check-rules.ts';
import type { LineRange } from '#build/dockerfile.ts';
import type { SourceTree } from '#build/source-tree.ts';
import { parseImageConfiguration } from '#oci/image-configuration.ts';
import { formatPlatform, hostPlatform, type Platform } from '#oci/platform.ts';
import { canonicalName, canonicalText, familiarText, parseReference, withDefaultTag, type ImageReference } from '#oci/reference.ts';
import type { ImageStore } from '#image/contract.ts';
import { buildNode, type BuildNode } from './build-node.ts';
import type { BuildExecutor } from './build-executor.ts';
import type { BuildProgress } from './build-progress.ts';
import type { BuildSession } from './build-session.ts';
import { contextFileName } from './fetch-source.ts';
import { refusing } from './plan-context.ts';
import { parseGitAddress } from '#build/git-address.ts';
import { lintResult } from './lint-result.ts';
import { outlineResult } from './outline-result.ts';
import { targetsResult } from './targets-result.ts';
import { imageDocument } from './image-document.ts';
import { authorizationFor } from './registry-authorization.ts';
import { planBuild, type BaseResolver } from './plan-build.ts';
import type { SolveOptions } from './solve-options.ts';
import { emptyConfig, scratchNode, type StageBase, type StageDraft } from './stage-draft.ts';

export interface SolveParts {
  readonly images: ImageStore;
  readonly executor: BuildExecutor;
  readonly progress: BuildProgress;
  readonly session: BuildSession | undefined;
  readonly signal: AbortSignal;
}

/** What was built for one platform. */
export interface SolvedImage {
  readonly platform: Platform;
  /** Chain id; undefined: no layers. */
  readonly top: string | undefined;
  /** The image's configuration file. */
  readonly configuration: Buffer;
  /** Layers that the target stage has over its image. */
  readonly ownLayers: number;
  /** The layer of its file system as a node; what looks into it builds on that. */
  readonly node: BuildNode;
  /** Images that went into it. */
  readonly materials: readonly ImageMaterial[];
  /** A moment is given that everything made is said to be made: the same build is to give the same bytes. */
  readonly reproducible: boolean;
  /** What the frontend was asked. */
  readonly options: SolveOptions;
  readonly dockerfile: { readonly name: string; readonly text: string };
}

export interface ImageMaterial {
  /** Canonical. */
  readonly reference: string;
  /** Of its manifest, where that is known; else of its configuration. */
  readonly digest: string;
  /** Its id here. */
  readonly image: string;
}

export interface SolvedBuild {
  readonly images: readonly SolvedImage[];
  readonly dockerfile: { readonly name: string; readonly text: string };
  /** What a request other than a build answers. */
  readonly answer?: Readonly<Record<string, Buffer>>;
}

const largestDockerfile = 16 * 1024 * 1024;

/** @throws build.solve_failed, with the Dockerfile in `details.source` where lines of it are to blame */
export async function solveBuild(options: SolveOptions, parts: SolveParts): Promise<SolvedBuild> {
  const files = await readFiles(options, parts);
  const dockerfile = { name: files.fileName, text: files.text };
  if (options.request !== '') return { images: [], dockerfile, answer: await answerRequest({ options, parts, files }) };
  try {
    const images = await Promise.all(options.platforms.map(async (platform) => await solvePlatform({ options, parts, files, platform })));
    return { images, dockerfile };
  } catch (error) {
    if (isFailure(error, 'build.solve_failed') || isFailure(error, 'build.invalid_dockerfile')) {
      throw fail('build.solve_failed', { ...error.details, message: error.message, source: dockerfile }, error);
    }
    throw error;
  }
}

interface BuildWork {
  readonly options: SolveOptions;
  readonly parts: SolveParts;
  readonly files: BuildFiles;
}

/** @throws build.solve_failed for a request that is not known */
async function answerRequest({ options, parts, files }: BuildWork): Promise<Record<string, Buffer>> {
  const facts = { fileName: files.fileName, text: files.text };
  if (options.request === 'frontend.targets') return targetsResult(files.text, files.fileName);
  if (options.request === 'frontend.outline') return outlineResult(files.text, options);
  if (options.request !== 'frontend.lint') throw fail('build.solve_failed', { message: `unsupported request ${options.request}` });
  const [platform = hostPlatform()] = options.platforms;
  let ignored: readonly string[] = [];
  let before: readonly CheckFinding[] = [];
  try {
    const { findings, failure } = await planBuild({
      text: files.text, options, platform, resolver: new ImageResolver(options, parts), everything: true,
      beforeInstructions: async () => void (ignored = await files.ignored()),
      isIgnored: (path) => isIgnored(path, ignored),
      contextNode: (paths) => files.remote ?? contextNode(options, { paths, ignored: [] }),
      tellFindings: (found) => void (before = found),
    });
    return lintResult({ ...facts, findings, error: failure === undefined ? undefined : { message: failure, range: undefined } });
  } catch (error) {
    if (!isFailure(error, 'build.solve_failed') && !isFailure(error, 'build.invalid_dockerfile')) throw error;
    return lintResult({ ...facts, findings: before, error: { message: error.message, range: rangeOf(error.details['range']) } });
  }
}

function isIgnored(path: string, patterns: readonly string[]): boolean {
  return patterns.length > 0 && IgnorePatterns.parse(patterns.join('\n')).matches(posix.join('/', path).slice(1));
}

function rangeOf(value: unknown): LineRange | undefined {
  return typeof value === 'object' && value !== null && 'start' in value && 'end' in value ? { start: Number(value.start), end: Number(value.end) } : undefined;
}

/** Tells the client what the checks found. */
function tellFindings({ parts, files }: Pick<BuildWork, 'parts' | 'files'>, findings: readonly CheckFinding[]): void {
  for (const { name, detail, range } of sortFindings(findings)) {
    parts.progress.warn({
      vertex: '', level: 1, short: Buffer.from(`${name}: ${detail} (line ${range.start})`), detail: [Buffer.from(checkRules[name].description)], url: checkAddress(name),
      info: { filename: files.fileName, data: Buffer.from(files.text), language: 'Dockerfile' },
      ranges: [{ start: { line: range.start, character: 0 }, end: { line: range.end, character: 0 } }],
    });
  }
}

interface BuildFiles {
  readonly text: string;
  /** Of the Dockerfile, as failures name it. */
  readonly fileName: string;
  readonly ignored: () => Promise<readonly string[]>;
  /** A remote context, which the Dockerfile came with; undefined: the client's directory. */
  readonly remote: BuildNode | undefined;
}

async function readFiles(options: SolveOptions, parts: SolveParts): Promise<BuildFiles> {
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
  return { text, fileName, remote: undefined, ignored: async () => patternsOf(ownList ?? (await commonIgnoreList(options, parts))) };
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
  return { text, fileName, ignored: () => Promise.resolve([]), remote };
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

function patternsOf(text: string): string[] {
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

async function textIn(tree: SourceTree | undefined, path: string): Promise<string | undefined> {
  return await tree?.text(path, largestDockerfile);
}

/** A repository, or what is behind an address. @throws Error with BuildKit's text */
function remoteContext(address: string, { name, keepDirectory }: { name: string; keepDirectory: boolean }): BuildNode {
  const git = parseGitAddress(address);
  if (git === undefined) return buildNode({ kind: 'download', name: '[internal] load remote build context', inputs: [], url: address, checksum: '', fileName: '', archive: true });
  const { remote, ref, directory, checksum, submodules } = git;
  return buildNode({ kind: 'git', name, inputs: [], remote, ref, directory, checksum, submodules, keepDirectory: keepDirectory || git.keepDirectory === true });
}

async function solvePlatform({ options, parts, files, platform }: { options: SolveOptions; parts: SolveParts; files: BuildFiles; platform: Platform }): Promise<SolvedImage> {
  let ignored: readonly string[] = [];
  const resolver = new ImageResolver(options, parts);
  // As BuildKit's, the list of what is ignored is read once the images are known.
  const plan = await planBuild({
    text: files.text, options, platform, resolver,
    beforeInstructions: async () => void (ignored = await files.ignored()),
    isIgnored: (path) => isIgnored(path, ignored),
    contextNode: (paths) => files.remote ?? contextNode(options, { paths, ignored }),
    tellFindings: (findings) => tellFindings({ parts, files }, findings),
  });
  tellFindings({ parts, files }, plan.findings);
  const { executor } = parts;
  const result = await executor.make(plan.target.node);
  const created = await createdTimes(plan.target, executor);
  const configuration = imageDocument(plan.target, { diffIds: result.top === undefined ? [] : parts.images.diffIds(result.top), created, anyPlatform: options.anyPlatform, platform, epoch: options.epoch });
  return {
    platform, top: result.top, configuration, ownLayers: created.length, node: plan.target.node, materials: resolver.materials, reproducible: options.epoch !== undefined, options,
    dockerfile: { name: options.fileName, text: files.text },
  };
}

function contextNode({ contextName }: SolveOptions, { paths, ignored }: { paths: readonly string[]; ignored: readonly string[] }): BuildNode {
  const whole = paths.includes('/') || paths.length === 0;
  return buildNode({
    kind: 'local', name: '[internal] load build context', inputs: [], directory: contextName, transfer: 'transferring context:',
    wanted: { exclude: ignored, ...(whole ? {} : { follow: paths.map((path) => path.replace(/^\//, '')) }) },
  });
}

/** When the layers of the stage were made, bottom first, those of its image left out. */
async function createdTimes({ node }: StageDraft, executor: BuildExecutor): Promise<string[]> {
  const times: string[] = [];
  for (let next: BuildNode | undefined = node; next !== undefined && (next.kind === 'run' || next.kind === 'copy' || next.kind === 'directory'); next = next.inputs[0]) {
    times.unshift((await executor.make(next)).created ?? '');
  }
  return times;
}

/** Looks up images, each once for a build. */
class ImageResolver implements BaseResolver {
  readonly #options: SolveOptions;
  readonly #parts: SolveParts;
  readonly #found = new Map<string, Promise<StageBase & { readonly reference: string }>>();
  readonly materials: ImageMaterial[] = [];

  constructor(options: SolveOptions, parts: SolveParts) {
    this.#options = options;
    this.#parts = parts;
  }

  image(reference: string, platform: Platform): Promise<StageBase & { readonly reference: string }> {
    const key = `${reference} ${formatPlatform(platform)}`;
    let found = this.#found.get(key);
    if (found === undefined) {
      found = this.#look(reference, platform);
      found.catch(() => undefined);
      this.#found.set(key, found);
    }
    return found;
  }

  async context(name: string, platform: Platform): Promise<StageBase | undefined> {
    const { contexts } = this.#options;
    const address = contexts.get(name) ?? contexts.get(canonicalOr(name));
    if (address === undefined) return undefined;
    const separator = address.indexOf(':');
    const scheme = separator < 0 ? '' : address.slice(0, separator);
    const rest = address.slice(separator + 1);
    const base = { config: emptyConfig, author: '', history: [], platform };
    if (scheme === 'docker-image') return await this.#look(rest.replace(/^\/\//, ''), platform, name);
    if (scheme === 'local') {
      const exclude = await this.#ignored(name, rest);
      return { ...base, node: buildNode({ kind: 'local', name: `[context ${name}] load from client`, inputs: [], directory: rest, transfer: `transferring ${name}:`, wanted: { exclude } }) };
    }
    const git = refusing(() => parseGitAddress(address));
    if (git !== undefined) return { ...base, node: remoteContext(address, { name: `[internal] load git source ${address}`, keepDirectory: false }) };
    if (scheme === 'https' || scheme === 'http') return { ...base, node: buildNode({ kind: 'download', name: `[context ${name}] ${address}`, inputs: [], url: address, checksum: '', fileName: '', archive: false }) };
    if (scheme === 'git') throw fail('build.solve_failed', { message: `invalid git context ${address}` });
    if (scheme === 'input' || scheme === 'target') return { ...base, node: scratchNode() };
    throw fail('build.solve_failed', { message: `unsupported context source ${scheme} for ${name}` });
  }

  /** What the directory of a context's own list of what is ignored names. */
  async #ignored(name: string, directory: string): Promise<readonly string[]> {
    const node = buildNode({ kind: 'local', name: `[context ${name}] load .dockerignore`, inputs: [], directory, transfer: `transferring ${name}:`, wanted: { follow: ['.dockerignore'] } });
    return patternsOf((await textIn((await this.#parts.executor.make(node)).tree, '.dockerignore')) ?? '');
  }

  /** @param context name of the `--build-context` that stands for the image; empty: none */
  async #look(text: string, platform: Platform, context = ''): Promise<StageBase & { readonly reference: string }> {
    const { images, progress, signal } = this.#parts;
    let name;
    try {
      name = withDefaultTag(parseReference(text));
    } catch (error) {
      throw fail('build.solve_failed', { message: `failed to parse stage name ${JSON.stringify(text)}: ${messageOf(error)}` }, error);
    }
    const canonical = canonicalText(name);
    const vertex = buildNode({ kind: 'scratch', name: context === '' ? `[internal] load metadata for ${canonical}` : `[context ${context}] load metadata for ${text}`, inputs: [] });
    progress.declare([{ digest: vertex.digest, name: vertex.name, inputs: [] }]);
    progress.start(vertex.digest);
    try {
      let image = this.#options.pull ? undefined : this.#local(familiarText(name), platform);
      if (image === undefined) {
        const authorization = await authorizationFor(name, this.#parts.session, signal);
        for await (const _message of images.pull(familiarText(name), { signal, ...(this.#options.anyPlatform ? {} : { platform: formatPlatform(platform) }), ...(authorization === '' ? {} : { authorization }) }));
        image = images.resolve(familiarText(name), platform);
      }
      progress.complete(vertex.digest);
      const { author, history } = parseImageConfiguration(await readFile(images.configurationPath(image.id), 'utf8'));
      const node = buildNode({ kind: 'image', name: context === '' ? canonical : `[context ${context}] ${text}`, inputs: [], top: image.topLayer });
      const known = images.namesOf(image.id).digests.find((one) => canonicalName(parseReference(one)) === canonicalName(name));
      this.materials.push({ reference: canonical, digest: known?.slice(known.indexOf('@') + 1) ?? image.id, image: image.id });
      const offered: Platform = { os: image.os, architecture: image.architecture, ...(image.variant === undefined ? {} : { variant: image.variant }) };
      return { node, config: image.config, author, history, platform: offered, reference: canonical };
    } catch (error) {
      signal.throwIfAborted();
      const reason = asResolverSays(messageOf(error), name);
      progress.complete(vertex.digest, { error: reason });
      throw fail('build.solve_failed', { message: `${context === '' ? `${text}: ` : ''}failed to resolve source metadata for ${canonical}: ${reason}`, vertex: vertex.digest }, error);
    }
  }

  #local(name: string, platform: Platform): ReturnType<ImageStore['resolve']> | undefined {
    const { images } = this.#parts;
    try {
      return this.#options.anyPlatform && formatPlatform(platform) === formatPlatform(hostPlatform()) ? images.resolve(name) : images.resolve(name, platform);
    } catch (error) {
      if (isFailure(error, 'image.not_found') || isFailure(error, 'image.platform_mismatch')) return undefined;
      throw error;
    }
  }
}

/** A registry that cannot be reached is told by the request for the manifest, as BuildKit makes it. */
function asResolverSays(message: string, name: ImageReference): string {
  const canonical = canonicalName(name);
  const path = canonical.slice(canonical.indexOf('/') + 1);
  return message.replace(/^(?:Get|Head) "https?:\/\/[^"]*\/v2\/[^"]*": /, `failed to do request: Head "https://${name.domain === 'docker.io' ? 'registry-1.docker.io' : name.domain}/v2/${path}/manifests/${name.digest ?? name.tag ?? 'latest'}": `);
}

function canonicalOr(name: string): string {
  try {
    return canonicalText(withDefaultTag(parseReference(name)));
  } catch {
    // A context may have any name.
    return name;
  }
}
