/** Has a worker unpack an archive out of its file, and tells it how far the file has come. */
import { trimFreedMemory } from '#kernel/memory-allocator.ts';
import type { ApplyOptions, GrowingArchive } from './contract.ts';
import { FileFeed, newFeedMemory } from './file-feed.ts';
import { JobStopped, type LayerWorkers } from './layer-workers.ts';
import type { UnpackResult } from './worker-messages.ts';

const progressInterval = 100;

/** Undefined: it is compressed in a way that the worker does not read. @throws the signal's reason, and what unpacking throws */
export async function unpackFile(workers: LayerWorkers, archive: GrowingArchive, options: ApplyOptions & { directory: string; recipePath: string }): Promise<UnpackResult | undefined> {
  const { signal, maximumSize = Infinity, directory, recipePath, onProgress } = options;
  const memory = newFeedMemory();
  const feed = new FileFeed(memory);
  const stop = (): void => feed.break();
  using _watching = archive.watch((available) => (available === undefined ? feed.break() : feed.grow(available)));
  signal.addEventListener('abort', stop, { once: true });
  const timer = onProgress === undefined ? undefined : setInterval(() => onProgress(feed.consumed), progressInterval);
  try {
    return await workers.run({ kind: 'unpack-file', descriptor: archive.descriptor, size: archive.size, feed: memory, directory, recipePath, maximumSize });
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof JobStopped ? new Error('the archive was not completed', { cause: error }) : error;
  } finally {
    clearInterval(timer);
    // What compilers and the network left behind would be this process's for good.
    trimFreedMemory();
    signal.removeEventListener('abort', stop);
  }
}
