/** Makes images from images, for builds and commits. What it made or works on stays until it is disposed. */
import type { Readable } from 'node:stream';
import { timestampNow } from '#base/timestamp.ts';
import type { DerivedImage, ImageDerivation } from '../contract.ts';
import type { ImageParts } from '../image-parts.ts';
import { restoreStep } from './restore-step.ts';
import { derivedConfiguration } from './derived-configuration.ts';

/** Of an archive without entries: such a layer is left out. */
const emptyArchive = 'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef';

export function openDerivation(parts: ImageParts): ImageDerivation {
  const { catalog, keeper } = parts;
  const lease = keeper.lease();
  return {
    hold: async (id) => {
      const top = catalog.get(id).chain.at(-1);
      return top === undefined || (await lease.hold(top));
    },
    make: async (image: DerivedImage, archive: Readable | undefined, signal: AbortSignal) => {
      const base = image.base === undefined ? undefined : catalog.get(image.base);
      const layer = archive === undefined ? undefined : await lease.apply(base?.chain.at(-1), archive, { signal });
      const configuration = derivedConfiguration(image, {
        base: base?.configuration,
        diffId: layer === undefined || layer.diffId === emptyArchive ? undefined : layer.diffId,
        created: timestampNow(),
        engineVersion: parts.engineVersion,
      });
      signal.throwIfAborted();
      const [id = ''] = await catalog.add([{ configuration, parent: image.base }]);
      return id;
    },
    restore: async (step) => await restoreStep(parts, step),
    [Symbol.asyncDispose]: async () => await lease[Symbol.asyncDispose](),
  };
}
