/** A worker's archive of parts of a tree, as a stream. */
import { Readable } from 'node:stream';
import type { ChangesArchive, FileChange } from '../contract.ts';
import type { ArchivedParts } from './archive-tree.ts';
import { AsyncRingReader } from './byte-ring.ts';
import type { LayerWorkers } from './layer-workers.ts';

/** Nothing is read before the stream is. */
export function archiveStream(workers: LayerWorkers, tree: string, parts: ArchivedParts): Readable {
  return Readable.from(chunks(workers, tree, parts), { objectMode: false });
}

/** A layer's archive of a container's changes. */
export function archiveChanges(workers: LayerWorkers, tree: string, changes: readonly FileChange[]): ChangesArchive {
  const removed = changes.filter(({ kind }) => kind === 'deleted').map(({ path }) => path.slice(1));
  return { bytes: archiveStream(workers, tree, { changes }), removed };
}

async function* chunks(workers: LayerWorkers, tree: string, parts: ArchivedParts): AsyncGenerator<Buffer, void> {
  using taken = workers.rings.take();
  const ring = new AsyncRingReader(taken.memory);
  const archived = workers.run({ kind: 'archive', ring: taken.memory, tree, parts });
  archived.catch(() => ring.break());
  try {
    for (let chunk = await ring.read(); chunk !== undefined; chunk = await ring.read()) yield chunk;
    await archived;
  } finally {
    ring.break();
    await archived.catch(() => undefined);
  }
}
