/** The image endpoints' use cases: the image store, told who uses an image. */
import type { ImageStore, ImageUser } from '#image/contract.ts';
import { isRunning } from './containers/container-state.ts';
import type { ContainerRegistry } from './containers/container-registry.ts';
import type { ImageUseCases } from './contract.ts';

export function imageUseCases(images: ImageStore, containers: ContainerRegistry): ImageUseCases {
  const users = imageUsers(containers);
  return {
    list: async (options) => images.list({ ...options, users }),
    inspect: async (reference, options) => images.inspect(reference, options),
    history: async (reference, platform) => images.history(reference, platform),
    tag: async (reference, repository, tag) => {
      images.tag(reference, repository, tag === '' ? undefined : tag);
      await images.settled({ files: false });
    },
    remove: async (reference, options) => images.remove(reference, { ...options, users }),
    prune: async (filters) => images.prune({ filters, users }),
    load: (archive, options) => images.load(archive, options),
    save: async (references, options) => images.save(references, options),
    import: (archive, { repository, tag, platform, ...rest }) =>
      images.import(archive, {
        ...rest,
        ...(repository !== '' && { repository }),
        ...(tag !== '' && { tag }),
        ...(platform !== '' && { platform }),
      }),
    pull: (reference, { platform, authorization, signal }) =>
      images.pull(reference, { signal, ...(platform !== '' && { platform }), ...(authorization !== '' && { authorization }) }),
    push: (reference, options) => images.push(reference, options),
    bootstrap: (name, signal) => images.bootstrap(name, { signal }),
  };
}

/** Tells which containers use an image. */
export function imageUsers(containers: ContainerRegistry): (imageId: string) => ImageUser[] {
  return (imageId) =>
    containers
      .all()
      .filter((record) => record.imageId === imageId || record.mounts.some(({ image }) => image?.id === imageId))
      .map((record) => ({ containerId: record.id, running: isRunning(record.state) }));
}
