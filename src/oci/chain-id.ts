/** Chain ids: the name of a layer together with all below it (OCI image-spec, config, "Layer ChainID"). */
import { digestOf } from './digest.ts';

/** The chain id of a layer over `parent`, the chain id of what lies below. */
export function chainIdOver(parent: string | undefined, diffId: string): string {
  return parent === undefined ? diffId : digestOf(`${parent} ${diffId}`);
}

/** The chain id at every height, bottom first. */
export function chainIds(diffIds: readonly string[]): string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) chain.push(chainIdOver(chain.at(-1), diffId));
  return chain;
}
