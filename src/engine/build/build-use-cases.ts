/** Builds and commits. */
import { mkdirSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { EngineError, fail, isFailure, messageOf } from '#base/errors/failure.ts';
import { nowNanoseconds } from '#base/timestamp.ts';
import { momentFault } from '#base/moment-fault.ts';
import { parsePastMoment } from '#base/past-moment.ts';
import { shortIdentifier } from '#base/identifier.ts';
import type { OwnedPath } from '#image/contract.ts';
import { familiarText, parseReference, withDefaultTag, type ImageReference } from '#oci/reference.ts';
import type { ProgressMessage } from '#schema/image-views.ts';
import type { EngineParts } from '../containers/engine-parts.ts';
import type { BuildRequest, BuildUseCases, ContainerUseCases } from '../contract.ts';
import type { BuildSolver } from '../solver/contract.ts';
import { pruneBuilds } from '../solver/prune-builds.ts';
import { BuildOutput } from './build-output.ts';
import { commitContainer } from './commit-container.ts';
import { readContext, readDockerfileAlone, type BuildContext } from './build-context.ts';
import { openRemote } from './remote-context.ts';
import { ImageBuilder } from './image-builder.ts';

export function buildUseCases(parts: EngineParts, containers: ContainerUseCases, makeSolver: () => BuildSolver): BuildUseCases & { readonly solver: BuildSolver; readonly ownedPaths: () => OwnedPath[] } {
  const directory = parts.paths.buildsDirectory;
  // What a crash left.
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const solver = makeSolver();
  const underWay = new Set<string>();
  return {
    solver,
    ownedPaths: () => [...underWay].map((path) => ({ path, kind: 'build', owner: basename(path) })),
    build: (context, request, signal) => {
      const output = new BuildOutput(request.quiet);
      return output.during(async (stop) => await build({ parts, containers, output, directory, underWay }, { context, request, signal: stop }), signal);
    },
    prune: async (request) => {
      const report = await pruneBuilds(solver, request, (until) => nowNanoseconds() - momentOf(until));
      parts.events.publish({ type: 'builder', action: 'prune', id: '', attributes: { reclaimed: String(report.SpaceReclaimed) } });
      return report;
    },
    commit: async (reference, request, signal) => await commitContainer(parts, reference, request, signal),
  };
}

interface BuildParts {
  readonly parts: EngineParts;
  readonly containers: ContainerUseCases;
  readonly output: BuildOutput;
  readonly directory: string;
  /** Directories of builds that are not done. */
  readonly underWay: Set<string>;
}

async function build({ parts, containers, output, directory, underWay }: BuildParts, work: { context: Readable; request: BuildRequest; signal: AbortSignal }): Promise<void> {
  const { request, signal } = work;
  const names = request.tags.filter((tag) => tag !== '').map(nameOf);
  const workDirectory = await mkdtemp(join(directory, 'build-'));
  underWay.add(workDirectory);
  await using _directory = {
    [Symbol.asyncDispose]: async () => {
      await rm(workDirectory, { recursive: true, force: true });
      underWay.delete(workDirectory);
    },
  };
  await using context = await contextOf({ work, output, directory: workDirectory });
  await using builder = new ImageBuilder({ parts, containers, output, directory: workDirectory, context: context.tree, request, signal });
  let imageId: string;
  try {
    imageId = await builder.build(context.dockerfile);
  } catch (error) {
    signal.throwIfAborted();
    // What is wrong before the first step is an answer of its own.
    if (isFailure(error, 'build.invalid_dockerfile') || isFailure(error, 'build.invalid_option')) throw error;
    await output.reveal();
    await output.show(failureMessage(error));
    return;
  }
  for (const name of names) parts.images.tag(imageId, familiarText(name), undefined);
  await parts.images.settled({ files: true });
  await output.text(`Successfully built ${shortIdentifier(imageId.replace(/^sha256:/, ''))}\n`);
  for (const name of names) await output.text(`Successfully tagged ${familiarText(name)}\n`);
  if (request.quiet) await output.show({ stream: `${imageId}\n` });
}

async function contextOf({ work: { context, request, signal }, output, directory }: { work: { context: Readable; request: BuildRequest; signal: AbortSignal }; output: BuildOutput; directory: string }): Promise<BuildContext> {
  const options = { dockerfile: request.dockerfile, directory, signal };
  if (request.remote === '') return await readContext(context, options);
  // What a client sends beside an address is passed over.
  context.resume();
  const { content, isDockerfile } = await openRemote(request.remote, { directory, output, signal });
  return isDockerfile ? await readDockerfileAlone(content, options) : await readContext(content, options);
}

function momentOf(until: string): bigint {
  const moment = parsePastMoment(until, nowNanoseconds());
  if (moment === undefined) throw fail('build.prune_refused', { message: `"until" filter expects a duration (e.g., '24h') or a timestamp: ${momentFault(until)}` });
  return moment;
}

function nameOf(tag: string): ImageReference {
  try {
    const name = parseReference(tag);
    if (name.digest !== undefined) throw fail('build.step_failed', { message: 'build tag cannot contain a digest' });
    return withDefaultTag(name);
  } catch (error) {
    // Docker answers this as a failure of its own.
    if (isFailure(error, 'image.invalid_reference')) throw fail('build.step_failed', { message: error.message }, error);
    throw error;
  }
}

function failureMessage(error: unknown): ProgressMessage {
  const message = messageOf(error);
  const code = error instanceof EngineError && error.code === 'build.command_failed' ? Number(error.details['code']) : undefined;
  return { errorDetail: { ...(code === undefined ? {} : { code }), message }, error: message };
}
