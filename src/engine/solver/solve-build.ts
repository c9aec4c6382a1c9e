/** One build from its Dockerfile to what its client gets: reads the files, plans, makes, exports. */
import { fail, isFailure } from '#base/errors/failure.ts';
import { sortFindings, type CheckFinding } from '#build/checks/build-checks.ts';
import { checkAddress, checkRules } from '#build/checks/check-rules.ts';
import type { LineRange } from '#build/dockerfile.ts';
import { hostPlatform, type Platform } from '#oci/platform.ts';
import type { ImageStore } from '#image/contract.ts';
import { buildNode, type BuildNode } from './build-node.ts';
import type { BuildExecutor } from './build-executor.ts';
import type { BuildProgress } from './build-progress.ts';
import type { BuildSession } from './build-session.ts';
import { lintResult } from './lint-result.ts';
import { outlineResult } from './outline-result.ts';
import { targetsResult } from './targets-result.ts';
import { imageDocument } from './image-document.ts';
import { isIgnored, readFiles, type BuildFiles } from './build-files.ts';
import { ImageResolver } from './image-resolver.ts';
import { findingsBeforePlan, planBuild } from './plan-build.ts';
import { ImportedCaches, readCacheSources } from './remote-cache/import-cache.ts';
import type { SolveOptions } from './solve-options.ts';
import type { StageDraft } from './stage-draft.ts';

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

/** @throws build.solve_failed, with the Dockerfile in `details.source` where lines of it are to blame */
export async function solveBuild(options: SolveOptions, parts: SolveParts): Promise<SolvedBuild> {
  const sources = options.request === '' ? readCacheSources(options.attributes) : [];
  if (sources.length > 0) parts.executor.useCaches(new ImportedCaches(sources, parts));
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
  if (options.request === 'frontend.outline') {
    tellFindings({ parts, files }, findingsBeforePlan(files.text, options, options.platforms[0] ?? hostPlatform()));
    return outlineResult(files.text, options);
  }
  if (options.request !== 'frontend.lint') throw fail('build.solve_failed', { message: `unsupported request ${options.request}: unsupported request ${options.request}` });
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

function rangeOf(value: unknown): LineRange | undefined {
  return typeof value === 'object' && value !== null && 'start' in value && 'end' in value ? { start: Number(value.start), end: Number(value.end) } : undefined;
}

/** Tells the client what the checks found. */
function tellFindings({ parts, files }: Pick<BuildWork, 'parts' | 'files'>, findings: readonly CheckFinding[]): void {
  parts.progress.warn(sortFindings(findings).map(({ name, detail, range }) => ({
    vertex: files.vertex, level: 1, short: Buffer.from(`${name}: ${detail} (line ${range.start})`), detail: [Buffer.from(checkRules[name].description)], url: checkAddress(name),
    info: { filename: files.fileName, data: Buffer.from(files.text), language: 'Dockerfile' },
    ranges: [{ start: { line: range.start, character: 0 }, end: { line: range.end, character: 0 } }],
  })));
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

