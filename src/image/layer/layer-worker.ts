/**
 * A worker thread of the layer store: does one job at a time, locked into the layer's directory and
 * touching files by blocking calls alone.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { EngineError, invariant, messageOf } from '#base/errors/failure.ts';
import { detachThreadRoot, enterRoot } from '#kernel/chroot.ts';
import { failedWith } from '#kernel/failed-with.ts';
import { archiveTree } from './archive-tree.ts';
import { ArchiveSource } from './archive-source.ts';
import { BlockingRingReader, BlockingRingWriter, BrokenRing } from './byte-ring.ts';
import type { ByteSource } from './byte-source.ts';
import { copyLayer } from './copy-layer.ts';
import { FileFeed } from './file-feed.ts';
import { GzipWriter } from './gzip-writer.ts';
import { InflatedFile } from './inflated-file.ts';
import { packLayer } from './pack-layer.ts';
import { ReplacedFiles } from './replaced-files.ts';
import { RecipeWriter } from './tar-recipe.ts';
import { treeChanges } from './tree-changes.ts';
import { treeSize } from './tree-size.ts';
import { unpackLayer } from './unpack-layer.ts';
import type { JobReply, LayerJob, PackJob, PackResult, ResultOf, UnpackFileJob, UnpackJob, UnpackResult } from './worker-messages.ts';

invariant(parentPort !== null, 'layer-worker runs as a worker thread');
const port = parentPort;
detachThreadRoot();

port.on('message', (job: LayerJob) => {
  let reply: JobReply;
  try {
    reply = { kind: 'done', result: perform(job) };
  } catch (error) {
    reply = replyOf(error);
    if ('ring' in job) new BlockingRingWriter(job.ring).break();
  }
  port.postMessage(reply);
});

function perform(job: LayerJob): ResultOf<LayerJob> {
  switch (job.kind) {
    case 'unpack':
      return unpack(job);
    case 'unpack-file':
      return unpackFile(job);
    case 'pack':
      return pack(job);
    case 'copy':
      for (const layer of job.layers) copyLayer(layer, job.target);
      return undefined;
    case 'archive':
      archiveTree(job.tree, job.parts, new BlockingRingWriter(job.ring));
      return undefined;
    case 'changes':
      return treeChanges(job);
  }
}

function unpack(job: UnpackJob): UnpackResult {
  return unpackFrom(new BlockingRingReader(job.ring), job);
}

function unpackFile(job: UnpackFileJob): UnpackResult | undefined {
  using bytes = new InflatedFile({ descriptor: job.descriptor, size: job.size, feed: new FileFeed(job.feed) });
  return bytes.compression === 'bzip2' || bytes.compression === 'xz' ? undefined : unpackFrom(bytes, job);
}

function unpackFrom(bytes: ByteSource, job: UnpackJob | UnpackFileJob): UnpackResult {
  using recipeFile = openedDescriptor(job.recipePath, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL);
  using layerDirectory = openedDescriptor(job.directory, constants.O_DIRECTORY);
  const source = new ArchiveSource(bytes, job.maximumSize);
  const replaced = new ReplacedFiles(layerDirectory.descriptor);
  const recipe = new RecipeWriter(recipeFile.descriptor);
  const tree = `${job.directory}/diff`;
  const { removals, size, missing } = inside(tree, () => {
    const unpacked = unpackLayer({ source, recipe, replaced, maximumSize: job.maximumSize });
    return { ...unpacked, missing: replaced.missing() };
  });
  return {
    diffId: source.digest(),
    tarLength: source.length,
    size: replaced.any ? treeSize(tree) : size,
    whiteouts: removals.whiteouts,
    opaque: removals.opaque,
    replaced: replaced.locate(missing, job.directory),
  };
}

function pack(job: PackJob): PackResult {
  using recipeFile = openedDescriptor(job.recipePath, constants.O_RDONLY);
  using layerDirectory = openedDescriptor(job.directory, constants.O_DIRECTORY);
  const ring = new BlockingRingWriter(job.ring);
  const gzip = job.compression === undefined ? undefined : new GzipWriter(ring, countIn(job.compression.consumed));
  inside(`${job.directory}/diff`, () =>
    packLayer({
      sink: gzip ?? ring,
      recipeDescriptor: recipeFile.descriptor,
      layerDirectory: layerDirectory.descriptor,
      diffId: job.diffId,
      replaced: job.replaced,
    }),
  );
  return { compressed: gzip?.result() };
}

function countIn(memory: SharedArrayBuffer): (bytes: number) => void {
  const counter = new BigInt64Array(memory);
  return (bytes) => void Atomics.store(counter, 0, BigInt(bytes));
}

function inside<T>(directory: string, work: () => T): T {
  using _root = enterRoot(directory);
  return work();
}

function openedDescriptor(path: string, flags: number): Disposable & { readonly descriptor: number } {
  const descriptor = openSync(path, flags, 0o600);
  return { descriptor, [Symbol.dispose]: () => closeSync(descriptor) };
}

function replyOf(error: unknown): JobReply {
  if (error instanceof BrokenRing) return { kind: 'broken' };
  if (failedWith(error, 'ENOSPC', 'EDQUOT')) {
    const path = error instanceof EngineError ? error.details['path'] : undefined;
    return { kind: 'failed', code: 'layer.disk_full', path: path === undefined ? 'layer' : String(path) };
  }
  if (error instanceof EngineError) {
    if (error.code === 'layer.disk_full') return { kind: 'failed', code: error.code, path: String(error.details['path']) };
    if (error.code === 'layer.too_large') return { kind: 'failed', code: error.code, maximum: Number(error.details['maximum']) };
    return { kind: 'failed', code: 'layer.invalid_archive', message: error.message };
  }
  return { kind: 'failed', code: 'bug', message: messageOf(error), stack: error instanceof Error ? (error.stack ?? '') : '' };
}
