/**
 * A worker thread of the layer store: does one job at a time, locked into the layer's directory and
 * touching files by blocking calls alone.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { EngineError, fail, invariant, messageOf } from '#base/errors/failure.ts';
import { detachThreadRoot, enterRoot } from '#kernel/chroot.ts';
import { failedWith } from '#kernel/failed-with.ts';
import { FedProgram } from '#kernel/fed-program.ts';
import { archiveTree } from './archive-tree.ts';
import { ArchiveSource } from './archive-source.ts';
import { BlockingRingReader, BlockingRingWriter, BrokenRing } from './byte-ring.ts';
import type { ByteSource } from './byte-source.ts';
import { copyLayer } from './copy-layer.ts';
import { FileFeed } from './file-feed.ts';
import { GzipWriter } from './gzip-writer.ts';
import { InflatedFile } from './inflated-file.ts';
import { PackProgress } from './pack-progress.ts';
import { packLayer, type PackSink } from './pack-layer.ts';
import { ProgramSink } from './program-sink.ts';
import { ReplacedFiles } from './replaced-files.ts';
import { RecipeWriter } from './tar-recipe.ts';
import { treeChanges } from './tree-changes.ts';
import { treeSize } from './tree-size.ts';
import { unpackLayer } from './unpack-layer.ts';
import type { JobReply, LayerJob, PackedLayer, PackByProgramJob, PackJob, PackResult, ProgramCall, ResultOf, UnpackFileJob, UnpackJob, UnpackResult } from './worker-messages.ts';

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
    case 'pack-by-program':
      return packByProgram(job);
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
    const unpacked = unpackLayer({ source, recipe, replaced, maximumSize: job.maximumSize, removed: job.kind === 'unpack' ? job.removed : undefined });
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

function pack({ layer, ring: memory, compression }: PackJob): PackResult {
  const ring = new BlockingRingWriter(memory);
  const gzip = compression === undefined ? undefined : new GzipWriter(ring, new PackProgress(compression.progress));
  packInto(gzip ?? ring, layer);
  return { compressed: gzip?.result() };
}

function packByProgram({ layer, program, output, progress: memory }: PackByProgramJob): number {
  const progress = new PackProgress(memory);
  using running = started(program, { output, isWanted: () => !progress.isStopped });
  const sink = new ProgramSink(running, progress);
  try {
    packInto(sink, layer);
  } catch (error) {
    if (error instanceof BrokenRing && !progress.isStopped) throw compressionFailed(running.finish() ?? 'it ended before its input did');
    throw error;
  }
  const failure = running.finish();
  if (failure !== undefined) throw compressionFailed(failure);
  return sink.check;
}

function started(program: ProgramCall, { output, isWanted }: { output: number; isWanted: () => boolean }): FedProgram {
  try {
    return new FedProgram({ ...program, output, isWanted });
  } catch (error) {
    throw compressionFailed(messageOf(error));
  } finally {
    closeSync(output);
  }
}

function compressionFailed(reason: string): Error {
  return fail('layer.compression_failed', { reason });
}

function packInto(sink: PackSink, { directory, recipePath, diffId, replaced }: PackedLayer): void {
  using recipeFile = openedDescriptor(recipePath, constants.O_RDONLY);
  using layerDirectory = openedDescriptor(directory, constants.O_DIRECTORY);
  inside(`${directory}/diff`, () => packLayer({ sink, recipeDescriptor: recipeFile.descriptor, layerDirectory: layerDirectory.descriptor, diffId, replaced }));
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
    if (error.code === 'layer.compression_failed') return { kind: 'failed', code: error.code, reason: String(error.details['reason']) };
    if (error.code === 'layer.too_large') return { kind: 'failed', code: error.code, maximum: Number(error.details['maximum']) };
    return { kind: 'failed', code: 'layer.invalid_archive', message: error.message };
  }
  return { kind: 'failed', code: 'bug', message: messageOf(error), stack: error instanceof Error ? (error.stack ?? '') : '' };
}
