/** `POST /commit`: an image of a container's changes over its image. */
import type { ContainerConfig } from '#schema/container-config.ts';
import { applyChanges } from '#oci/instructions/apply-changes.ts';
import { parseReference, familiarText, withDefaultTag, withTag } from '#oci/reference.ts';
import { isFailure, fail } from '#base/errors/failure.ts';
import { publishContainerEvent } from '../containers/container-events.ts';
import { isRunning } from '../containers/container-state.ts';
import type { EngineParts } from '../containers/engine-parts.ts';
import { withImageDefaults } from '../containers/image-defaults.ts';
import { pauseContainer, thawContainer } from '../containers/pause-container.ts';
import type { CommitRequest } from '../contract.ts';

export async function commitContainer(parts: EngineParts, reference: string, request: CommitRequest, signal: AbortSignal): Promise<{ Id: string }> {
  const { repository, tag, author, comment, changes } = request;
  const name = repository === '' ? undefined : targetOf(repository, tag);
  const record = parts.registry.resolve(reference);
  const { id, config } = record;
  const base: ContainerConfig = request.config ?? config;
  const changed = applyChanges(base, changes);
  const merged = withImageDefaults({ ...base, ...changed, Labels: changed.Labels ?? {} }, config);
  await using derivation = parts.images.derive();
  if (record.imageId !== '' && !(await hold(() => derivation.hold(record.imageId)))) throw fail('image.no_configuration', { digest: record.imageId, path: parts.images.configurationPath(record.imageId) });
  const imageId = await makeImage();
  // The container runs again meanwhile.
  await parts.images.settled({ files: true });
  return { Id: imageId };

  async function makeImage(): Promise<string> {
    await using _paused = request.pause && isRunning(record.state) && record.state.status !== 'paused' ? await pausedWhile(parts, id) : undefined;
    const made = await derivation.make(
      { base: record.imageId === '' ? undefined : record.imageId, author, comment, config: merged, containerConfig: config, container: id, createdBy: (config.Cmd ?? []).join(' ') },
      (await parts.snapshotter.archiveChanges(id)).bytes,
      signal,
    );
    parts.events.publish({ type: 'image', action: 'create', id: made, attributes: { ...merged.Labels, name: made } });
    if (name !== undefined) parts.images.tag(made, familiarText(name), undefined);
    publishContainerEvent(parts.events, record, 'commit', { comment, imageID: made, ...(name === undefined ? {} : { imageRef: familiarText(name) }) });
    return made;
  }
}

function targetOf(repository: string, tag: string): ReturnType<typeof parseReference> {
  const name = parseReference(repository);
  return tag === '' ? withDefaultTag(name) : withTag(name, tag);
}

async function hold(attempt: () => Promise<boolean>): Promise<boolean> {
  try {
    return await attempt();
  } catch (error) {
    if (isFailure(error, 'image.not_found')) return false;
    throw error;
  }
}

async function pausedWhile(parts: EngineParts, id: string): Promise<AsyncDisposable> {
  await pauseContainer(parts, id);
  return {
    [Symbol.asyncDispose]: async () => {
      using _held = await parts.mutex.acquire(id);
      await thawContainer(parts, id);
    },
  };
}
