/** Builds and commits. */
import { mkdirSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { EngineError, fail, isFailure, messageOf } from '#base/errors/failure.ts';
import { shortIdentifier } from '#base/identifier.ts';
import { familiarText, parseReference, withDefaultTag, type ImageReference } from '#oci/reference.ts';
import type { ProgressMessage } from '#schema/image-views.ts';
import type { EngineParts } from '../containers/engine-parts.ts';
import type { BuildRequest, BuildUseCases, ContainerUseCases } from '../contract.ts';
import { BuildOutput } from './build-output.ts';
import { commitContainer } from './commit-container.ts';
import { readContext } from './build-context.ts';
import { ImageBuilder } from './image-builder.ts';

export function buildUseCases(parts: EngineParts, containers: ContainerUseCases): BuildUseCases {
  const directory = parts.paths.buildsDirectory;
  // What a crash left.
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return {
    build: (context, request, signal) => {
      const output = new BuildOutput(request.quiet);
      return output.during(async (stop) => await build({ parts, containers, output, directory }, { context, request, signal: stop }), signal);
    },
    prune: async () => ({ CachesDeleted: null, SpaceReclaimed: 0 }),
    commit: async (reference, request, signal) => await commitContainer(parts, reference, request, signal),
  };
}

interface BuildParts {
  readonly parts: EngineParts;
  readonly containers: ContainerUseCases;
  readonly output: BuildOutput;
  readonly directory: string;
}

async function build({ parts, containers, output, directory }: BuildParts, work: { context: Readable; request: BuildRequest; signal: AbortSignal }): Promise<void> {
  const { request, signal } = work;
  const names = request.tags.filter((tag) => tag !== '').map(nameOf);
  const workDirectory = await mkdtemp(join(directory, 'build-'));
  await using _directory = { [Symbol.asyncDispose]: async () => await rm(workDirectory, { recursive: true, force: true }) };
  await using context = await readContext(work.context, { dockerfile: request.dockerfile, directory: workDirectory, signal });
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
  await output.text(`Successfully built ${shortIdentifier(imageId.replace(/^sha256:/, ''))}\n`);
  for (const name of names) {
    parts.images.tag(imageId, familiarText(name), undefined);
    await output.text(`Successfully tagged ${familiarText(name)}\n`);
  }
  if (request.quiet) await output.show({ stream: `${imageId}\n` });
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
