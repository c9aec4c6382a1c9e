/** The size of an image's layers together. */
import { fail } from '#base/errors/failure.ts';
import type { LayerStore } from './contract.ts';

/** Bytes of a layer and all below it; zero for none. @throws layer.not_found */
export function sizeOfLayers(layers: LayerStore, topLayer: string | undefined): number {
  let size = 0;
  for (let chainId = topLayer; chainId !== undefined; ) {
    const layer = layers.get(chainId);
    if (layer === undefined) throw fail('layer.not_found', { chainId });
    size += layer.size;
    chainId = layer.parent;
  }
  return size;
}
