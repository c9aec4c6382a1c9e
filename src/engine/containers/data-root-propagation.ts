/**
 * A bind that shows the daemon's own directory must follow the mounts that are made there, else what a
 * container holds of others' file systems keeps them busy.
 */
import { fail } from '#base/errors/failure.ts';
import type { MountWish } from './mount-wish.ts';

/** Sets `rslave` where nothing is asked for. @throws mount.specification_invalid with Docker's text for another propagation */
export function withDataRootPropagation(wish: MountWish, dataRoot: string): MountWish {
  const { Type, Source, Propagation } = wish.point;
  if (Type !== 'bind' || !(Source.startsWith(dataRoot) || dataRoot.startsWith(Source))) return wish;
  if (wish.propagationGiven !== true) return { ...wish, point: { ...wish.point, Propagation: 'rslave' } };
  if (Propagation === 'rslave' || Propagation === 'rshared') return wish;
  const places = `daemon root: ${JSON.stringify(dataRoot)}, bind mount source: ${JSON.stringify(Source)}, propagation: ${JSON.stringify(Propagation)}`;
  throw fail('mount.specification_invalid', { message: `invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within the daemon root, ${places}` });
}
