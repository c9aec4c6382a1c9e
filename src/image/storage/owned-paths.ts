/** Which files below the data root belong to images, layers and blobs. */
import { join } from 'node:path';
import { encodedPart } from '#oci/digest.ts';
import type { OwnedPath } from '../contract.ts';
import type { ImageParts } from '../image-parts.ts';
import { readLink } from '../layer/layer-links.ts';
import { LayerPaths } from '../layer/layer-paths.ts';

export function ownedPaths(parts: ImageParts, dataRoot: string): OwnedPath[] {
  const layerPaths = new LayerPaths(dataRoot);
  const owned = parts.manifests.owned();
  return [
    ...parts.catalog.ids().map((id) => ({ path: join(dataRoot, 'image/overlay2/imagedb/content/sha256', encodedPart(id)), kind: 'image configuration', owner: id })),
    ...parts.layers.list().flatMap(({ chainId }) => {
      const [directory] = parts.layers.directories(chainId);
      if (directory === undefined) return [];
      const { name, link } = directory;
      const initLink = readLink(layerPaths, `${name}-init`);
      return [
        { path: layerPaths.layer(name), kind: 'layer', owner: chainId },
        // Mount points of the files that every container gets.
        { path: layerPaths.layer(`${name}-init`), kind: 'layer', owner: chainId },
        ...(initLink === undefined ? [] : [{ path: join(layerPaths.links, initLink), kind: 'layer metadata', owner: chainId }]),
        { path: join(layerPaths.links, link), kind: 'layer metadata', owner: chainId },
        { path: layerPaths.record(chainId), kind: 'layer metadata', owner: chainId },
      ];
    }),
    ...parts.content.list().map(({ digest }) => ({ path: parts.content.path(digest), kind: owned.has(digest) ? 'content' : 'unfinished transfer', owner: digest })),
    ...parts.content.partials().map(({ target, path }) => ({ path, kind: 'unfinished transfer', owner: 'digest' in target ? target.digest : target.session })),
    ...[...parts.workspace.inUse, ...parts.layers.underWay()].map((path) => ({ path, kind: 'under way', owner: 'an operation under way' })),
  ];
}
